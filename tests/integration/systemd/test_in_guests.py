"""tests/systemd, in each guest: the package installed as a user would, under a systemd that is real.

Each test of there is one of here, by guest. What the machine cannot boot is skipped, and in CI fails.
"""

import ast
from pathlib import Path

import pytest

from tests.integration.systemd.conftest import Campaign
from tests.integration.systemd.guests import GUESTS, ROOT, Guest


def inside() -> list[str]:
    """Return "module::function" of every test that runs in guests, without importing it: it needs a guest."""
    return [
        f"{path.stem}::{node.name}"
        for path in sorted(Path(ROOT, "tests/systemd").glob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.timeout(1300)  # the first of a guest waits for all of them
@pytest.mark.parametrize("test", inside())
@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.name)
def test_inside(campaign: Campaign, guest: Guest, test: str) -> None:
    guest.require()
    findings = campaign.findings(guest)
    verdict = findings.by_test.get(test)
    assert verdict is not None, f"no result; the guest said:\n{findings.told}"
    if verdict.failures:
        pytest.fail("\n".join(verdict.failures), pytrace=False)
    if verdict.skipped is not None:
        pytest.skip(verdict.skipped)
