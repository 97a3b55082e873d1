"""What is kept of a removed container: once, however often its removal has to be tried."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from containerd_py.engine.output import OutputLog
from containerd_py.engine.removed import Keep, Removed
from containerd_py.engine.tasks import Tasks
from containerd_py.store.removed import RemovedStore


@pytest.mark.parametrize("output", [b"", b"said"])
def test_a_removal_that_is_tried_again_leaves_one_record(tmp_path: Path, output: bytes) -> None:
    store = RemovedStore(str(tmp_path / "state"), str(tmp_path / "data"))
    store.prepare()
    removed = Removed(store, Keep(), Tasks())
    container = _ended(tmp_path / "log", output)
    for _again in range(3):
        assert removed.take(container) is not None
    ((_name, record),) = store.load()
    assert record is not None
    assert record.id == "box"
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.read_bytes() for path in kept if path.suffix != ".json") == ([output] if output else [])


def _ended(place: Path, output: bytes) -> Any:
    if output:
        place.mkdir()
        (place / "output").write_bytes(output)
    record: dict[str, Any] = {
        "id": "box",
        "name": "box",
        "labels": {},
        "exit": None,
        "log_driver": "file",
        "previous_exit": None,
    }
    started = SimpleNamespace(**record, started_at=datetime.now(UTC))
    return SimpleNamespace(id="box", record=started, log=OutputLog(str(place)), kept_as="")
