"""Attacks upon the daemon, by its API: containers are those of tests/integration."""

from tests.integration.conftest import api, daemon, rootfs, warm

__all__ = ["api", "daemon", "rootfs", "warm"]
