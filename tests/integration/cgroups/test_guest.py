"""The effects once more where cgroup v2 is alone and has controllers: in a User Mode Linux guest of the harness."""

import sys
from pathlib import Path

import pytest

from containerd_py.runtime.cgroups import layout
from tests.integration.systemd.guests import UML

GUEST_S = 150
EFFECTS = "tests/integration/cgroups/test_effects.py"


@pytest.mark.timeout(GUEST_S + 30)
def test_the_effects_on_cgroup_v2(tmp_path: Path) -> None:
    if layout.probe().v2_controllers and not layout.probe().v1:
        pytest.skip("this is cgroup v2 alone: the effects are tested here as they are")
    UML.require()
    script = f"modprobe loop; exec {sys.executable} -m pytest -q -p no:cacheprovider -p no:hypothesispytest {EFFECTS}"
    done = UML.run("sh", "-c", script, out=tmp_path, timeout_s=GUEST_S, memory_mib=1024)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert " passed" in done.stdout
