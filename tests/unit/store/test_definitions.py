"""Definitions: on the disk once they are saved, read one by one, set aside one by one, nobody else's."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import OutOfSpace, Unavailable
from containerd_py.store.definitions import DefinitionStore
from containerd_py.store.records import ContainerRecord, Definition
from tests.unit.store.small_disk import fill, needs_root, small_disk

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def definition(container_id: str = "a", **fields: Any) -> Definition:
    given = {"id": container_id, "name": "web", "status": "stopped", "created_at": NOW, "rootfs": "/r", "durable": True}
    record = ContainerRecord.model_validate(given | fields)
    return Definition(record=record, request={"rootfs": "/r"}, config={"process": {"args": ["a"]}})


def accept(_config: dict[str, Any]) -> None:
    pass


@pytest.fixture
def store(tmp_path: Path) -> DefinitionStore:
    made = DefinitionStore(str(tmp_path))
    made.prepare()
    return made


def test_what_is_saved_comes_back(store: DefinitionStore, tmp_path: Path) -> None:
    assert store.load(accept) == ([], [])
    for one in (definition("b"), definition("a", labels={"x": "y"}), definition("b", name="other")):
        store.save(one)
    assert store.load(accept) == ([definition("a", labels={"x": "y"}), definition("b", name="other")], [])
    assert (tmp_path / "definitions/a.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "definitions").stat().st_mode & 0o777 == 0o700
    store.remove("a")
    store.remove("a")
    assert os.listdir(tmp_path / "definitions") == ["b.json"]


def test_it_is_on_the_disk_with_its_name(store: DefinitionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content before the rename, or a boot could leave an empty file under the name; the names after it."""
    told: list[str] = []
    real_sync, real_rename, real_unlink = os.fsync, os.rename, os.unlink

    def fsync(fd: int) -> None:
        told.append(f"sync {os.path.basename(os.readlink(f'/proc/self/fd/{fd}'))}")
        real_sync(fd)

    def rename(old: str, new: str) -> None:
        told.append(f"rename {os.path.basename(new)}")
        real_rename(old, new)

    def unlink(path: str) -> None:
        told.append(f"unlink {os.path.basename(path)}")
        real_unlink(path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "unlink", unlink)
    store.save(definition("a"))
    assert told == ["sync a.json.new", "rename a.json", "sync definitions"]
    told.clear()
    store.remove("a")
    assert told == ["unlink a.json", "sync definitions"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Expecting value"),
        (definition("a").model_dump_json(by_alias=True).encode()[:-20], "Unterminated"),
        (b"[]", "no object"),
        (b'{"schema": 2}', "schema 2 is not 1"),
        (b'{"schema": 1}', "record: Field required"),
        (definition("b").model_dump_json(by_alias=True).encode(), "it is the definition of 'b'"),
        (b"[" * 100_000, "recursion"),
        (b"\xff", "decode"),
    ],
)
def test_one_that_cannot_be_read_is_set_aside(store: DefinitionStore, tmp_path: Path, content: bytes, told: str) -> None:
    store.save(definition("c"))
    (tmp_path / "definitions/a.json").write_bytes(content)
    (tmp_path / "definitions/d.json.new").write_bytes(b"an attempt")
    found, broken = store.load(accept)
    assert found == [definition("c")]
    ((container_id, path, problem),) = broken
    assert container_id == "a"
    assert told in problem
    assert Path(path).read_bytes() == content
    assert os.listdir(tmp_path / "definitions") == ["c.json"]


def test_a_document_that_nobody_can_use_is_set_aside(store: DefinitionStore) -> None:
    def check(config: dict[str, Any]) -> None:
        raise ValueError(f"process.{config['process']['args'][0]}: wrong")

    store.save(definition("a"))
    found, broken = store.load(check)
    assert (found, broken[0][0], broken[0][2]) == ([], "a", "process.a: wrong")


def test_a_link_a_fifo_and_a_directory_are_set_aside(store: DefinitionStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(definition("a").model_dump_json(by_alias=True))
    (tmp_path / "definitions/a.json").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "definitions/b.json")
    (tmp_path / "definitions/c.json").mkdir()
    before = os.listdir("/proc/self/fd")
    found, broken = store.load(accept)
    assert (found, [container_id for container_id, _path, _problem in broken]) == ([], ["a", "b", "c"])
    assert os.listdir("/proc/self/fd") == before


@needs_root
def test_on_a_full_disk_the_old_one_stays() -> None:
    with small_disk() as disk:
        store = DefinitionStore(f"{disk}/data")
        store.prepare()
        store.save(definition("a"))
        fill(disk)
        with pytest.raises(OutOfSpace, match="cannot record definition of container 'a'") as refused:
            store.save(definition("a", labels={"x": "y" * 5000}))
        assert (refused.value.errno, refused.value.step) == ("ENOSPC", "store")
        assert refused.value.hint is not None
        assert "data directory" in refused.value.hint
        assert store.load(accept) == ([definition("a")], [])
        store.remove("a")  # needs no room
        assert store.load(accept) == ([], [])


@pytest.mark.parametrize("where", ["", "definitions"])
def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path, where: str) -> None:
    """What is in a definition is run as root."""
    (tmp_path / "definitions").mkdir(mode=0o700)
    (tmp_path / where).chmod(0o770)
    with pytest.raises(Unavailable, match="others could write to it") as refused:
        DefinitionStore(str(tmp_path)).prepare()
    assert refused.value.hint


def test_a_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "definitions").symlink_to(tmp_path / "real")
    with pytest.raises(Unavailable, match="others could write"):
        DefinitionStore(str(tmp_path)).prepare()


def test_a_record_of_a_version_before_is_read(store: DefinitionStore, tmp_path: Path) -> None:
    """What a record gains has a default."""
    store.save(definition("a"))
    path = tmp_path / "definitions/a.json"
    document = json.loads(path.read_text())
    for name in ("ever_started", "key"):
        del document["record"][name]
    path.write_text(json.dumps(document))
    assert store.load(accept) == ([definition("a")], [])
