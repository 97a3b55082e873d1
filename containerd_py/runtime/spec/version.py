"""The version of the runtime specification that is served. Alone here, for programs that need no models."""

OCI_VERSION = "1.3.0"
