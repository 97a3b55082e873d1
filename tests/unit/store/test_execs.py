"""Records of execs: replaced whole, read one by one, set aside one by one, removed by name."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from containerd_py.errors import Internal
from containerd_py.store.execs import ExecStore
from containerd_py.store.records import ExecRecord


def record(exec_id: str, second: int = 0, container: str = "box") -> ExecRecord:
    created = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
    return ExecRecord(id=exec_id, container_id=container, status="created", created_at=created, process={"args": ["a"]})


@pytest.fixture
def store(tmp_path: Path) -> ExecStore:
    (tmp_path / "box").mkdir()
    (tmp_path / "quarantine").mkdir()
    return ExecStore(str(tmp_path / "box"), str(tmp_path / "quarantine"))


def test_what_is_saved_comes_back_the_oldest_first(store: ExecStore, tmp_path: Path) -> None:
    assert store.load() == ([], [])
    records = [record("b", 1), record("a", 2)]
    for one in reversed(records):
        store.save(one)
    changed = records[0].with_(status="running", pid=7)
    store.save(changed)
    assert store.load() == ([changed, records[1]], [])
    assert oct(os.stat(tmp_path / "box/execs/a.json").st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Expecting value"),
        (b"[]", "no object"),
        (b'{"schema": 2}', "schema 2"),
        (b'{"schema": 1}', "id: Field required"),
        (record("b").model_dump_json(by_alias=True).encode(), "it is the record of 'b'"),
        (record("a", container="other").model_dump_json(by_alias=True).encode(), "'other'"),
        (b"[" * 100_000, "recursion"),
    ],
)
def test_one_that_cannot_be_read_is_set_aside(store: ExecStore, tmp_path: Path, content: bytes, told: str) -> None:
    store.save(record("c"))
    (tmp_path / "box/execs/a.json").write_bytes(content)
    (tmp_path / "box/execs/d.json.new").write_bytes(b"an attempt")
    records, broken = store.load()
    assert [one.id for one in records] == ["c"]
    assert [exec_id for exec_id, _problem in broken] == ["a"]
    assert told in broken[0][1]
    (aside,) = (tmp_path / "quarantine").iterdir()
    assert aside.name.startswith("box.a.")
    assert os.listdir(tmp_path / "box/execs") == ["c.json"]


def test_removing(store: ExecStore, tmp_path: Path) -> None:
    store.remove_all()
    for name in "abc":
        store.save(record(name))
    store.remove("a")
    store.remove("a")
    assert sorted(os.listdir(tmp_path / "box/execs")) == ["b.json", "c.json"]
    store.remove_all()
    assert os.listdir(tmp_path / "box") == []


def test_what_cannot_be_written_keeps_the_old_one(store: ExecStore, tmp_path: Path) -> None:
    store.save(record("a"))
    (tmp_path / "box/execs/a.json.new").mkdir()
    with pytest.raises(Internal, match="cannot record exec 'a'"):
        store.save(record("a").with_(status="running"))
    assert json.loads((tmp_path / "box/execs/a.json").read_text())["status"] == "created"
