"""The container's network as the parent makes it, by netlink: interfaces of the host that become the container's.

Blocking, and never on the caller's thread, whose network namespace and event loop stay as they are.
"""
