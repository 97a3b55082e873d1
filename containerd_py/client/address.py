"""Where the daemon is. Imports nothing, so that the shell's completion needs no HTTP library for it."""

DEFAULT_SOCKET = "/run/pycontainerd/pycontainerd.sock"
