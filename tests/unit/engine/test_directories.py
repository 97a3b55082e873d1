"""The daemon's directories: nobody else's, and one daemon's at a time."""

from pathlib import Path

import pytest

from containerd_py.engine import directories
from containerd_py.errors import Unavailable


@pytest.mark.parametrize("data", ["state", "data"])
def test_one_daemon_at_a_time(tmp_path: Path, data: str) -> None:
    state, kept = str(tmp_path / "state"), str(tmp_path / data)
    locks = directories.take(state, kept)
    assert len(locks) == (1 if state == kept else 2)
    with pytest.raises(Unavailable, match="another daemon has it") as refused:
        directories.take(str(tmp_path / "another"), kept)
    assert refused.value.step == "lock"
    for lock in locks:
        lock.close()
    for lock in directories.take(state, kept):
        lock.close()


def test_a_state_directory_that_others_can_look_into(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    with pytest.raises(Unavailable, match="mode 755") as refused:
        directories.take(str(tmp_path / "state"), str(tmp_path / "data"))
    assert refused.value.step == "state", (
        "with the step of a lock, `pycontainerd shutdown` would ask a daemon that is not there"
    )
