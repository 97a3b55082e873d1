"""pycontainerd: a container runtime and daemon for Linux.

Nothing is imported here: init workers import `containerd_py.runtime.init` through this package and must stay small.
"""

__version__ = "0.1.0"
