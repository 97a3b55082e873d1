"""The harness itself: what it leaves behind, however it ends."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.systemd.guests import HARNESS

BOOT = str(HARNESS / "boot-systemd-ns.sh")


def groups_of(run: str) -> list[Path]:
    """run: the folder of a guest; its cgroups bear the end of its name."""
    return list(Path("/sys/fs/cgroup").glob(f"**/testguest.{run.rpartition('.')[2]}"))


@pytest.mark.parametrize(
    ("options", "command", "code"),
    [((), "exit 0", 0), ((), "exit 7", 7), (("-t", "3"), "sleep 100", 124), ((), "kill -KILL -1; sleep 100", 125)],
)
def test_nothing_is_left_however_it_ends(tmp_path: Path, options: tuple[str, ...], command: str, code: int) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [BOOT, *options, "sh", "-c", command], env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert os.listdir(tmp_path) == []


def test_nothing_is_left_where_it_is_ended_from_outside(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([BOOT, "sleep", "100"], env=environment) as guest:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob("guest.*/ready")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        (run,) = os.listdir(tmp_path)
        guest.send_signal(signal.SIGTERM)
        assert guest.wait(timeout=30) == 143
    assert os.listdir(tmp_path) == []
    assert groups_of(run) == []
