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


async def test_what_a_deletion_that_was_cut_off_has_taken_is_given_back(tmp_path: Path) -> None:
    store = RemovedStore(str(tmp_path / "state"), str(tmp_path / "data"))
    store.prepare()
    assert Removed(store, Keep(), Tasks()).take(_ended(tmp_path / "log", b"said")) is not None
    later = Removed(store, Keep(), Tasks())
    await later.restore(lambda record: str(tmp_path / "log") if record.id == "box" else None)
    assert later.find("box") is None
    assert list(store.load()) == []
    assert (tmp_path / "log/output").read_bytes() == b"said"


async def test_what_is_kept_of_others_stays_so(tmp_path: Path) -> None:
    store = RemovedStore(str(tmp_path / "state"), str(tmp_path / "data"))
    store.prepare()
    assert Removed(store, Keep(), Tasks()).take(_ended(tmp_path / "log", b"said")) is not None
    later = Removed(store, Keep(), Tasks())
    await later.restore(lambda _record: None)
    later.close()
    assert later.find("box") is not None
    assert not (tmp_path / "log").exists()


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
