"""tests/systemd, in each guest: the package installed as a user would, under a systemd that is real.

Each test of there is one of here, by guest; all of a guest are in one process, which boots it once. What the machine cannot
boot is skipped, and in CI fails.
"""

import ast
from pathlib import Path

import pytest

from tests.integration.systemd.conftest import Campaign
from tests.integration.systemd.guests import GUESTS, ROOT, Guest


def inside() -> list[tuple[Guest, str]]:
    """Return the tests of each guest, "module::function", without importing them: they need to be in one."""
    return [
        (guest, f"{path.stem}::{node.name}")
        for guest in GUESTS
        for path in sorted(Path(ROOT, "tests/systemd").glob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if guest.runs(path.stem) and isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.timeout(1300)  # the first of a guest waits for all of them
@pytest.mark.parametrize(
    ("guest", "test"),
    [
        pytest.param(guest, test, id=f"{guest.name}-{test}", marks=pytest.mark.xdist_group(f"guest {guest.name}"))
        for guest, test in inside()
    ],
)
def test_inside(campaign: Campaign, guest: Guest, test: str) -> None:
    guest.require()
    findings = campaign.findings(guest)
    verdict = findings.by_test.get(test)
    assert verdict is not None, f"no result; the guest said:\n{findings.told}"
    if verdict.failures:
        pytest.fail("\n".join(verdict.failures), pytrace=False)
    if verdict.skipped is not None:
        pytest.skip(verdict.skipped)
