"""Controllers of cgroup v2: pure functions from resources, and what is there, to the text of control files.

pids and rdma have the same files as in v1. Devices have none: see `cgroups.devices`.
"""
