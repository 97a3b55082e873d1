"""The Plan: what a spec turns into, as an ordered list of small operations.

`operations` and `plan` are data that the init worker understands (standard library only); `compiler` makes a Plan of a
spec and is pure. How an operation is carried out is `runtime.init`'s business.
"""
