"""What survives a restart: records that come back, and those that cost only themselves."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containerd_py.errors import Conflict, Internal, OutOfSpace
from containerd_py.store.containers import ContainerStore
from containerd_py.store.records import SCHEMA, ContainerRecord, ExitRecord, StoredContainer, Timing
from tests.unit.store.small_disk import fill, needs_root, small_disk, use_up_inodes

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
CONFIG: dict[str, Any] = {"ociVersion": "1.3.0", "root": {"path": "/srv/röot"}}
REQUEST: dict[str, Any] = {"rootfs": "/srv/röot", "args": ["/bin/true"]}
ENDED = ExitRecord(exit_code=None, reason="lost", signal=None, finished_at=NOW)


def stored(container_id: str = "abc", **given: Any) -> StoredContainer:
    fields = {"name": "web", "status": "creating", "created_at": NOW, "rootfs": "/srv/röot"} | given
    record = ContainerRecord.model_validate({"id": container_id} | fields)
    return StoredContainer(record=record, request=REQUEST, config=CONFIG)


def opened(folder: Path | str) -> ContainerStore:
    store = ContainerStore(str(folder))
    store.prepare()
    return store


@pytest.fixture
def store(tmp_path: Path) -> ContainerStore:
    return opened(tmp_path)


def directory(tmp_path: Path, container_id: str = "abc") -> Path:
    return tmp_path / "containers" / container_id


# ── whole records ──


def test_a_container_comes_back_as_it_was(store: ContainerStore, tmp_path: Path) -> None:
    timing = Timing(arrived_ns=1, parent=(("lower", 2, 3),), created_ns=(4, 5), start_ns=6, started_ns=(7,))
    first = stored(
        "abc",
        status="stopped",
        started_at=NOW,
        exit=ENDED,
        labels={"a": "ä\n"},
        stdin=True,
        pid=2**22,
        boot_id="boot",
        cgroup_v2="/c2",
        cgroups_v1=("/a", "/b"),
        lost_output_bytes=2**63,
        timing=timing,
    )
    store.create(first)
    store.create(stored("abd"))
    assert opened(tmp_path).load() == ([first, stored("abd")], [])


@pytest.mark.parametrize("status", ["creating", "created", "running", "stopped"])
def test_the_last_saved_state_comes_back(store: ContainerStore, tmp_path: Path, status: str) -> None:
    store.create(stored())
    record = stored().record.with_(status=status, pid=7)
    store.save(record)
    found, _quarantined = opened(tmp_path).load()
    assert [entry.record for entry in found] == [record]


@settings(max_examples=50, deadline=None)
@given(labels=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"))))
def test_any_labels_come_back(tmp_path_factory: pytest.TempPathFactory, labels: dict[str, str]) -> None:
    store = opened(tmp_path_factory.mktemp("state"))
    store.create(stored(labels=labels))
    assert store.load()[0][0].record.labels == labels


def test_nobody_else_can_read_it(store: ContainerStore, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store.create(stored())
        store.save(stored().record)
    finally:
        os.umask(before)
    assert directory(tmp_path).stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in directory(tmp_path).iterdir()} == {
        "state.json": 0o600,
        "config.json": 0o600,
        "request.json": 0o600,
    }


def test_config_json_is_the_oci_document(store: ContainerStore, tmp_path: Path) -> None:
    store.create(stored())
    assert json.loads((directory(tmp_path) / "config.json").read_text()) == CONFIG
    assert json.loads((directory(tmp_path) / "state.json").read_text())["schema"] == SCHEMA


def test_what_a_payload_is_to_see_it_can_whatever_our_umask_is(store: ContainerStore, tmp_path: Path) -> None:
    """The daemon's unit has UMask=0077."""
    before = os.umask(0o077)
    try:
        store.create(stored())
        store.make_notify_directory("abc")
        store.write_credentials("abc", {"token": b"secret"}, (os.getuid(), os.getgid()))
    finally:
        os.umask(before)
    for path in (store.notify_directory("abc"), store.credentials_directory("abc")):
        assert os.stat(path).st_mode & 0o777 == 0o755
    assert os.stat(f"{store.credentials_directory('abc')}/token").st_mode & 0o777 == 0o400
    store.remove("abc")
    assert not os.path.exists(store.directory("abc"))


def test_an_id_is_taken_once(store: ContainerStore, tmp_path: Path) -> None:
    store.create(stored(name="first"))
    with pytest.raises(Conflict, match="the id is taken"):
        store.create(stored(name="second"))
    assert opened(tmp_path).load()[0][0].record.name == "first"


def test_removing_leaves_nothing_and_can_be_done_twice(store: ContainerStore, tmp_path: Path) -> None:
    store.create(stored())
    (directory(tmp_path) / "state.json.new").touch()  # from a save that was cut off
    store.remove("abc")
    assert os.listdir(tmp_path / "containers") == []
    store.remove("abc")


def test_saving_what_was_removed_is_an_error(store: ContainerStore) -> None:
    with pytest.raises(Internal, match="cannot record container 'abc'") as refused:
        store.save(stored().record)
    assert (refused.value.step, refused.value.errno) == ("store", "ENOENT")


def test_preparing_twice_keeps_what_is_there(store: ContainerStore) -> None:
    store.create(stored())
    store.prepare()
    assert len(store.load()[0]) == 1


# ── records that are not whole ──


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return spoil


def edit(**changes: Any) -> Callable[[Path], None]:
    return rewrite("state.json", lambda data: json.dumps(json.loads(data) | changes).encode())


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def directory_instead(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return spoil


SPOILED = {
    "truncated": (rewrite("state.json", lambda data: data[: len(data) // 2]), ""),
    "empty": (rewrite("state.json", lambda _data: b""), ""),
    "zeros": (rewrite("state.json", lambda data: bytes(len(data))), ""),
    "garbage": (rewrite("state.json", lambda _data: os.urandom(200)), ""),
    "no object": (rewrite("state.json", lambda _data: b"[]"), "state.json holds no object"),
    "too deep": (rewrite("state.json", lambda _data: b"[" * 200_000), ""),
    "huge number": (rewrite("state.json", lambda _data: b'{"schema": ' + b"1" * 5000 + b"}"), ""),
    "future schema": (edit(schema=SCHEMA + 1), f"schema {SCHEMA + 1} is not {SCHEMA}"),
    "schema as text": (edit(schema=str(SCHEMA)), "schema"),
    "no schema": (rewrite("state.json", lambda _data: b"{}"), "schema None"),
    "another id": (edit(id="other"), "it is the record of 'other'"),
    "unknown field": (edit(surprise=1), "surprise: "),
    "unknown status": (edit(status="tired"), "status: "),
    "wrong type": (edit(labels=[1]), "labels"),
    "naive time": (edit(created_at="2026-01-01T00:00:00"), "created_at: "),
    "no config": (remove("config.json"), ""),
    "config garbage": (rewrite("config.json", lambda _data: b"\xff\xfe"), ""),
    "no request": (remove("request.json"), ""),
    "a directory": (directory_instead("state.json"), ""),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_record_is_set_aside_and_costs_only_itself(store: ContainerStore, tmp_path: Path, name: str) -> None:
    for container_id in ("a", "abc", "z"):
        store.create(stored(container_id))
    spoil, words = SPOILED[name]
    spoil(directory(tmp_path))
    found, (lost,) = opened(tmp_path).load()
    assert [entry.record.id for entry in found] == ["a", "z"]
    assert lost.id == "abc"
    assert words in lost.problem
    assert lost.problem
    assert lost.path.startswith(str(tmp_path / "quarantine" / "abc."))
    assert os.path.isdir(lost.path)
    assert not directory(tmp_path).exists()
    assert lost.config == (None if "config" in name else CONFIG)
    assert opened(tmp_path).load()[1] == []  # set aside once


def test_two_spoiled_records_of_one_id_do_not_meet(store: ContainerStore, tmp_path: Path) -> None:
    paths = set()
    for _ in range(2):
        store.create(stored())
        (directory(tmp_path) / "state.json").write_text("x")
        paths.add(store.load()[1][0].path)
    assert len(paths) == 2


def test_the_problem_tells_no_values(store: ContainerStore, tmp_path: Path) -> None:
    store.create(stored())
    edit(labels={"password": ["s3cret"]})(directory(tmp_path))
    (lost,) = store.load()[1]
    assert "s3cret" not in lost.problem
    assert "labels.password" in lost.problem


@pytest.mark.parametrize("left", [(), ("config.json",), ("config.json", "request.json", "state.json.new")])
def test_an_attempt_without_a_record_is_removed(store: ContainerStore, tmp_path: Path, left: tuple[str, ...]) -> None:
    directory(tmp_path).mkdir()
    for name in left:
        (directory(tmp_path) / name).write_text("{}")
    store.create(stored("other"))
    found, quarantined = store.load()
    assert ([entry.record.id for entry in found], quarantined) == (["other"], [])
    assert not directory(tmp_path).exists()


def test_a_save_that_was_cut_off_leaves_the_state_before(store: ContainerStore, tmp_path: Path) -> None:
    store.create(stored())
    (directory(tmp_path) / "state.json.new").write_text('{"schem')
    assert store.load() == ([stored()], [])
    store.save(stored().record.with_(status="created"))
    assert store.load()[0][0].record.status == "created"


def test_what_is_no_directory_is_left_alone(store: ContainerStore, tmp_path: Path) -> None:
    directory(tmp_path, "file").write_text("x")
    directory(tmp_path, "link").symlink_to(tmp_path)
    assert store.load() == ([], [])
    assert directory(tmp_path, "file").exists()
    assert directory(tmp_path, "link").is_symlink()


def test_a_stray_file_in_an_attempt_costs_only_that(store: ContainerStore, tmp_path: Path) -> None:
    directory(tmp_path).mkdir()
    (directory(tmp_path) / "config.json~").touch()
    store.create(stored("other"))
    assert [entry.record.id for entry in store.load()[0]] == ["other"]


# ── a full disk ──


@pytest.fixture
def disk() -> Iterator[str]:
    with small_disk(inodes=32) as path:
        yield path


def everything(path: str) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = {}
    for folder, folders, files in os.walk(path):
        found |= {os.path.join(folder, name): None for name in folders}
        found |= {os.path.join(folder, name): Path(folder, name).read_bytes() for name in files}
    return found


@needs_root
@pytest.mark.parametrize("exhaust", [fill, use_up_inodes])
def test_a_creation_that_finds_no_room_leaves_nothing(disk: str, exhaust: Callable[[str], None]) -> None:
    store = opened(disk)
    exhaust(disk)
    before = everything(disk)
    with pytest.raises(OutOfSpace, match="cannot record container 'abc'") as refused:
        store.create(stored())
    assert (refused.value.step, refused.value.errno, bool(refused.value.hint)) == ("store", "ENOSPC", True)
    assert everything(disk) == before


@needs_root
@pytest.mark.parametrize("free", [1, 2, 3])
def test_a_creation_that_runs_out_of_files_on_its_way_leaves_nothing(disk: str, free: int) -> None:
    store = opened(disk)
    use_up_inodes(disk)
    for number in range(free):
        os.unlink(f"{disk}/inode{number}")
    before = everything(disk)
    with pytest.raises(OutOfSpace):
        store.create(stored())
    assert everything(disk) == before


@needs_root
@pytest.mark.parametrize("exhaust", [fill, use_up_inodes])
def test_a_save_that_finds_no_room_keeps_the_old_record(disk: str, exhaust: Callable[[str], None]) -> None:
    store = opened(disk)
    store.create(stored())
    exhaust(disk)
    before = everything(disk)
    with pytest.raises(OutOfSpace):
        store.save(stored().record.with_(status="created", labels={"long": "x" * 5000}))
    assert everything(disk) == before
    assert store.load() == ([stored()], [])


@needs_root
def test_removing_needs_no_room(disk: str) -> None:
    store = opened(disk)
    store.create(stored())
    fill(disk)
    use_up_inodes(disk)
    store.remove("abc")
    assert store.load() == ([], [])


@needs_root
def test_a_spoiled_record_is_set_aside_on_a_full_disk_too(disk: str) -> None:
    store = opened(disk)
    for container_id in ("abc", "other"):
        store.create(stored(container_id))
    Path(disk, "containers/abc/state.json").write_text("{")
    use_up_inodes(disk)
    found, (lost,) = store.load()
    assert ([entry.record.id for entry in found], lost.id) == (["other"], "abc")
