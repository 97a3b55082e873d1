"""State directories: an id is taken once, and nothing is left."""

import fcntl
import json
import os
from pathlib import Path

import pytest

from containerd_py.errors import Conflict, Internal, InvalidArgument, NotFound, OutOfSpace, Unavailable
from containerd_py.light.dataclasses import replace
from containerd_py.runtime import state as states
from containerd_py.runtime.cgroups.manager import Cgroup
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.state import State, StateDirectory, list_ids
from containerd_py.runtime.state_root import walk
from tests.unit.store import small_disk

STATE = State("web", "running", 7, "/srv/bundle", {"a": "b"}, Cgroup("/sys/fs/cgroup/x", ("/sys/fs/cgroup/pids/x",)))


def test_the_document_is_the_specifications() -> None:
    assert STATE.document() == {
        "ociVersion": "1.3.0",
        "id": "web",
        "status": "running",
        "pid": 7,
        "bundle": "/srv/bundle",
        "annotations": {"a": "b"},
    }


def test_what_is_kept_comes_back() -> None:
    assert State.decode(STATE.encode()) == STATE
    kept = json.loads(STATE.encode())
    assert kept.items() >= STATE.document().items()
    assert (kept["cgroupV2"], kept["cgroupsV1"]) == ("/sys/fs/cgroup/x", ["/sys/fs/cgroup/pids/x"])


def test_what_runc_would_keep_stands_beside_it() -> None:
    beside = {"init_process_pid": 7, "config": {"rootfs": "/r"}, "cgroup_paths": {"": "/c"}}
    data = replace(STATE, kept=beside).encode()
    assert json.loads(data).items() >= beside.items()
    assert State.decode(data) == replace(STATE, kept=beside)


def test_a_state_of_the_schema_before_is_read() -> None:
    before = json.loads(STATE.encode()) | {"schema": 1}
    assert State.decode(json.dumps(before).encode()) == STATE


def test_a_state_is_kept_and_removed(tmp_path: Path) -> None:
    directory = StateDirectory(str(tmp_path / "deep/root"), "web")
    directory.make()
    directory.write(STATE)
    path = tmp_path / "deep/root/web"
    assert (path / "state.json").read_bytes() == STATE.encode()
    assert [oct(p.stat().st_mode & 0o777) for p in (path.parent, path, path / "state.json")] == ["0o700", "0o700", "0o600"]
    directory.remove()
    assert not path.parent.exists()


def test_removing_twice_does_nothing(tmp_path: Path) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    directory.remove()
    directory.remove()


def test_a_write_that_broke_off_is_removed_too(tmp_path: Path) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    (tmp_path / "root/web/state.json.new").touch()
    directory.remove()
    assert not (tmp_path / "root").exists()


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    StateDirectory(str(tmp_path / "root"), "web").make()
    with pytest.raises(
        Conflict, match=r"cannot create container 'web': the id is taken: .* already exists \(.*/root/web\)"
    ) as caught:
        StateDirectory(str(tmp_path / "root"), "web").make()
    assert caught.value.step == "state"


def test_who_works_on_it_without_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_LOCK_S", 0.05)
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    with Fd(os.open(directory.path, os.O_RDONLY)) as other:
        fcntl.flock(other.fileno(), fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="another process does"), directory.locked():
            pass
    with directory.locked():
        pass


def test_the_root_stays_while_others_are_in_it(tmp_path: Path) -> None:
    first, second = (StateDirectory(str(tmp_path / "root"), name) for name in ("a", "b"))
    first.make()
    second.make()
    first.remove()
    assert (tmp_path / "root/b").is_dir()
    second.remove()
    assert not (tmp_path / "root").exists()


def test_what_is_not_ours_is_left(tmp_path: Path) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    (tmp_path / "root/web/theirs").touch()
    with pytest.raises(Conflict, match="Directory not empty"):
        directory.remove()
    assert (tmp_path / "root/web/theirs").exists()


def test_a_root_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument, match=r"cannot keep state in '.*/file/root': Not a directory"):
        StateDirectory(str(tmp_path / "file/root"), "web").make()
    with pytest.raises(Unavailable, match=r"cannot list containers of '.*/file': Not a directory"):
        list_ids(str(tmp_path / "file"))


def test_a_working_directory_that_is_gone_matters_to_relative_paths_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    directory.remove()


def test_a_root_that_vanishes_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process removes its last container, and the root with it, between our two calls of mkdir."""
    vanish = [1, 2]
    mkdir = os.mkdir

    def vanishing(path: str, mode: int = 0o777) -> None:
        if path.endswith("/web") and vanish:
            vanish.pop()
            os.rmdir(os.path.dirname(path))
        mkdir(path, mode)

    monkeypatch.setattr(os, "mkdir", vanishing)
    StateDirectory(str(tmp_path / "root"), "web").make()
    assert not vanish
    assert (tmp_path / "root/web").is_dir()


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").touch()
    with pytest.raises(InvalidArgument, match=r"cannot keep state in '.*/root': it is not a directory"):
        StateDirectory(str(tmp_path / "root"), "web").make()


def test_a_root_that_everybody_may_change_is_refused(tmp_path: Path) -> None:
    """Whoever can rename the container's directory could put a link in its place."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root").chmod(0o777)
    with pytest.raises(InvalidArgument, match="everybody may write to it"):
        StateDirectory(str(tmp_path / "root"), "web").make()
    (tmp_path / "root").chmod(0o1777)
    StateDirectory(str(tmp_path / "root"), "web").make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")
@pytest.mark.parametrize("kind", ["directory", "symlink"])
def test_a_root_of_somebody_else_is_refused(tmp_path: Path, kind: str) -> None:
    """/tmp is a usual place for it, and anybody can be there first."""
    root = tmp_path / "root"
    if kind == "symlink":
        (tmp_path / "target").mkdir()
        root.symlink_to("target")
    else:
        root.mkdir()
    os.chown(root, 12345, 12345, follow_symlinks=False)
    with pytest.raises(InvalidArgument, match="it belongs to user 12345"):
        StateDirectory(str(root), "web").make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what belongs to others")
@pytest.mark.parametrize("kind", ["owner", "writable", "symlink", "symlink inside"])
def test_a_root_below_what_others_can_change_is_refused(tmp_path: Path, kind: str) -> None:
    """Whoever can rename a directory on the way puts another in its place."""
    above = tmp_path / "above"
    above.mkdir()
    root = above / "below/root"
    if kind == "owner":
        os.chown(above, 12345, 12345)
    elif kind == "writable":
        above.chmod(0o777)
    else:
        (tmp_path / "real/below").mkdir(parents=True)
        (above / "below").symlink_to("../real/below" if kind == "symlink inside" else tmp_path / "real/below")
        os.chown(tmp_path / "real" if kind == "symlink inside" else above / "below", 12345, -1, follow_symlinks=False)
    with pytest.raises(
        InvalidArgument, match=rf"cannot keep state in '{root}': ('.*' belongs|everybody may write to '.*/above')"
    ):
        StateDirectory(str(root), "web").make()
    assert not (above / "below").exists() or kind.startswith("symlink"), "nothing is made there"
    assert not root.exists()


def test_a_sticky_directory_on_the_way_is_fine(tmp_path: Path) -> None:
    (tmp_path / "above").mkdir()
    (tmp_path / "above").chmod(0o1777)
    StateDirectory(str(tmp_path / "above/root"), "web").make()
    assert (tmp_path / "above/root/web").is_dir()


def test_the_way_through_symlinks_is_walked(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/./b/..")
    (tmp_path / "first").symlink_to(tmp_path / "link")
    found = [place for place, _found in walk(str(tmp_path / "first/../a/b")) if place.startswith(f"{tmp_path}/")]
    assert found == [f"{tmp_path}/{name}" for name in ("first", "link", "a", "a/b", "a", "a/b")]
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        list(walk(str(tmp_path / "loop")))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"schema": 99}', "[" * 100_000])
def test_a_damaged_state_is_told(tmp_path: Path, content: str) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    (tmp_path / "root/web/state.json").write_text(content)
    with pytest.raises(Internal, match="cannot read state of container 'web'") as caught:
        directory.read()
    assert "state.json" in str(caught.value.hint)


def _read(directory: StateDirectory, name: str) -> None:
    match name:
        case "state":
            directory.read()
        case "config":
            directory.config()
        case _:
            directory.plan()


def _put(kind: str, place: Path) -> None:
    match kind:
        case "directory":
            place.mkdir()
        case "fifo":
            os.mkfifo(place)
        case "link":
            place.symlink_to("nowhere")
        case _:
            place.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["state", "config", "plan"])
@pytest.mark.parametrize("kind", ["directory", "fifo", "link", "device", "large"])
def test_what_is_no_record_is_told_at_once_and_removed(tmp_path: Path, name: str, kind: str) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    place = tmp_path / f"root/web/{name}.json"
    if kind == "large":
        place.touch()
        os.truncate(place, 2**40)
    else:
        _put(kind, place)
    with pytest.raises(Internal, match="of container 'web'") as caught:
        _read(directory, name)
    assert str(place) in str(caught.value.hint)
    directory.remove()
    assert not (tmp_path / "root").exists()


def test_a_record_that_is_gone_is_named(tmp_path: Path) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    with pytest.raises(NotFound, match=r"cannot read plan of container 'web': '.*/web/plan\.json' is gone"):
        directory.plan()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pid", "7"),
        ("pid", -1),
        ("pid", True),
        ("pid", 2**31),
        ("status", "well"),
        ("owner", None),
        ("annotations", ["a"]),
        ("annotations", {"a": 1}),
        ("cgroupV2", "x"),
        ("cgroupV2", 7),
        ("cgroupV2", "/sys/fs/cgroup/../x"),
        ("cgroupsV1", "/x"),
        ("cgroupParents", [1]),
        ("config", []),
        ("timing", 1),
        ("cgroup_paths", {"": 1}),
        ("rootfs", 1),
    ],
)
def test_a_value_of_the_wrong_kind_is_damage(tmp_path: Path, name: str, value: object) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    directory.write(State("web", "running", 7, "/bundle"))
    place = tmp_path / "root/web/state.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {name: value}))
    with pytest.raises(Internal, match=f"cannot read state of container 'web': .*wrong value of {name}"):
        directory.read()


@pytest.mark.parametrize("name", ["config", "plan"])
@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_what_else_is_damaged_is_told(tmp_path: Path, name: str, content: str) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    (tmp_path / f"root/web/{name}.json").write_text(content)
    with pytest.raises(Internal, match=r"cannot read (document|plan) of container 'web'") as caught:
        directory.config() if name == "config" else directory.plan()
    assert f"{name}.json" in str(caught.value.hint)


def test_the_directory_of_a_notify_socket_goes_along(tmp_path: Path) -> None:
    directory = StateDirectory(str(tmp_path / "root"), "web")
    directory.make()
    notify = Path(directory.notify_directory)
    notify.mkdir(parents=True)
    (notify / "notify.sock").touch()
    directory.remove()
    assert not list(tmp_path.iterdir())


@small_disk.needs_root
def test_a_full_disk_is_told_and_keeps_what_was_there(tmp_path: Path) -> None:
    with small_disk.small_disk() as disk:
        directory = StateDirectory(f"{disk}/root", "web")
        os.makedirs(directory.path)
        directory.write(STATE)
        small_disk.fill(disk)
        with pytest.raises(OutOfSpace, match=r"cannot write '.*/state.json': No space left on device") as caught:
            directory.put("state.json", bytes(100_000))
        assert (caught.value.step, caught.value.errno) == ("state", "ENOSPC")
        assert State.decode(directory.get("state.json")) == STATE
