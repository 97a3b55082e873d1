"""The OCI runtime specification: its models, what of it is served, its mount options, and safe defaults.

Everything behind this package sees only these models. Here: shapes and rules. Not here: how they are carried out
(`runtime.plan`), nor the friendly form of the API (`engine.lowering`).
"""
