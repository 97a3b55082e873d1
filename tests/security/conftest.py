"""Attacks, by the command line of an OCI runtime (`--runtime PATH`): the containers are those of tests/oci."""

from pathlib import Path

import pytest

from tests.oci.conftest import null_is_roots, oci, place, program, rootfs, runtime, runtime_program, template, workshop
from tests.oci.lacking import expect_failures

__all__ = ["null_is_roots", "oci", "place", "rootfs", "runtime", "runtime_program", "template", "workshop"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if ours := [item for item in items if item.path.is_relative_to(Path(__file__).parent)]:
        expect_failures(ours, program(config))
