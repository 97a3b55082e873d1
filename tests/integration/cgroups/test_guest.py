"""The effects once more where cgroup v2 is alone and has controllers: in a User Mode Linux guest of the harness."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from containerd_py.runtime.cgroups import layout

ROOT = Path(__file__).resolve().parents[3]
GUEST_S = 55
EFFECTS = "tests/integration/cgroups/test_effects.py"


def harness() -> Path | None:
    """Return the folder of the harness: PYCONTAINERD_HARNESS, or beside this repository."""
    named = os.environ.get("PYCONTAINERD_HARNESS")
    places = [Path(named)] if named else [ROOT.parent / "shared/harness"]
    return next((place for place in places if (place / "boot-uml.sh").exists()), None)


def missing() -> str | None:
    found = harness()
    if found is None:
        return "no harness: set PYCONTAINERD_HARNESS"
    cache = Path(os.environ.get("HARNESS_CACHE", Path.home() / ".cache/test-guests"))
    if not (cache / "uml/linux").exists():
        return f"no guest kernel: {found}/fetch-kernels.sh"
    return None


@pytest.mark.timeout(GUEST_S + 30)
def test_the_effects_on_cgroup_v2() -> None:
    if layout.probe().v2_controllers and not layout.probe().v1:
        pytest.skip("this is cgroup v2 alone: the effects are tested here as they are")
    problem = missing()
    if problem and os.environ.get("CI") == "true":
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    script = f"modprobe loop; exec {sys.executable} -m pytest -q -p no:cacheprovider -p no:hypothesispytest {EFFECTS}"
    command = (
        *(f"{harness()}/boot-uml.sh", "-s", str(ROOT), "-t", str(GUEST_S), "-m", "1024"),
        *("-e", "PYTHONDONTWRITEBYTECODE=1", "sh", "-c", script),
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=GUEST_S + 20)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert " passed" in done.stdout
