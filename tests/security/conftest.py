"""Attacks, by the command line of an OCI runtime: the containers are those of tests/oci."""

from tests.oci.conftest import oci, place, rootfs, runtime, runtime_program, template, workshop

__all__ = ["oci", "place", "rootfs", "runtime", "runtime_program", "template", "workshop"]
