"""The pids controller (Documentation/admin-guide/cgroup-v2.rst, "PID"): the same file as in v1."""

from containerd_py.runtime.cgroups.v1.pids import values

__all__ = ["values"]
