"""What is kept until the next boot, and whom it is taken from."""

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from containerd_py import runtime_cache

_NAME = "kind-1"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "cache"
    runtime_cache.write(str(made), _NAME, b"content")
    return made


def read(place: Path, name: str = _NAME) -> bytes:
    fd = runtime_cache.open_file(str(place), name)
    try:
        return os.read(fd, 100)
    finally:
        os.close(fd)


def test_a_file_is_kept_for_its_owner_alone(place: Path) -> None:
    assert read(place) == b"content"
    assert (place.stat().st_mode & 0o777, (place / _NAME).stat().st_mode & 0o777) == (0o700, 0o600)


def test_it_is_replaced_as_a_whole(place: Path) -> None:
    fd = runtime_cache.open_file(str(place), _NAME)
    runtime_cache.write(str(place), _NAME, b"new")
    assert (os.read(fd, 100), read(place)) == (b"content", b"new")
    assert os.listdir(place) == [_NAME]
    os.close(fd)


def test_nothing_is_left_of_what_the_file_system_has_no_room_for(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for write in (fail, lambda _fd, content: len(content) - 1):
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(OSError, match="No space left"):
            runtime_cache.write(str(place), _NAME, b"new")
        assert (os.listdir(place), read(place)) == ([_NAME], b"content")


def test_two_threads_write_it_at_the_same_time_and_neither_what_the_other_does(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    within: list[bool] = []

    def interrupted(fd: int, content: bytes) -> int:
        written = write(fd, content)
        if not within:
            within.append(True)
            runtime_cache.write(str(place), _NAME, b"theirs")
        return written

    monkeypatch.setattr(os, "write", interrupted)
    runtime_cache.write(str(place), _NAME, b"ours")
    assert (os.listdir(place), read(place)) == ([_NAME], b"ours")


@pytest.mark.parametrize("mode", [0o720, 0o702])
@pytest.mark.parametrize("which", [".", _NAME])
def test_what_others_could_change_is_not_taken(place: Path, which: str, mode: int) -> None:
    (place / which).chmod(mode)
    with pytest.raises(PermissionError):
        read(place)


@pytest.mark.parametrize("which", [".", _NAME])
def test_neither_is_what_another_user_made(place: Path, which: str) -> None:
    os.chown(place / which, 1000, 1000)
    with pytest.raises(PermissionError):
        read(place)


@pytest.mark.parametrize("which", ["", _NAME])
def test_nor_what_a_link_leads_to(place: Path, tmp_path: Path, which: str) -> None:
    linked = place / which
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Too many levels|Not a directory"):
        read(place)


def test_nothing_is_written_where_others_could_change_it(place: Path) -> None:
    place.chmod(0o777)
    with pytest.raises(PermissionError):
        runtime_cache.write(str(place), "kind-2", b"content")
    assert os.listdir(place) == [_NAME]


def test_a_fifo_in_its_place_keeps_nobody_waiting(place: Path) -> None:
    (place / _NAME).unlink()
    os.mkfifo(place / _NAME)
    with pytest.raises(PermissionError):
        read(place)


def test_the_oldest_of_a_kind_make_room(place: Path) -> None:
    names = [f"kind-{number}" for number in range(40)]
    runtime_cache.write(str(place), "other-1", b"content")
    for number, name in enumerate(names):
        runtime_cache.write(str(place), name, b"content")
        os.utime(place / name, (number, number))
    assert sorted(os.listdir(place)) == sorted([*names[-32:], "other-1"])


def test_root_keeps_it_below_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    assert runtime_cache.path() == "/run/pycontainerd-cache"


_SHOW = (
    "mount -o remount,bind,ro /run /run && exec {python} -c 'from containerd_py import runtime_cache as c; print(c.path())'"
)


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [(("--mount",), "/run/pycontainerd-cache"), (("--mount", "--user", "--map-root-user"), "/own/pycontainerd-cache")],
    ids=["root", "root in a user namespace"],
)
def test_only_an_ordinary_users_lies_where_the_environment_says(namespaces: tuple[str, ...], expected: str) -> None:
    """/run cannot be written to: who is root where it has been mounted goes without."""
    script = f"mount --bind /run /run && {_SHOW.format(python=sys.executable)}"
    done = subprocess.run(
        ["/usr/bin/unshare", *namespaces, "/bin/sh", "-c", script],
        env={"XDG_RUNTIME_DIR": "/own", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.strip() == expected


@pytest.mark.parametrize("told", [None, "", "relative"])
def test_a_user_without_a_runtime_directory_keeps_nothing(monkeypatch: pytest.MonkeyPatch, told: str | None) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    if told is not None:
        monkeypatch.setenv("XDG_RUNTIME_DIR", told)
    with pytest.raises(FileNotFoundError):
        runtime_cache.path()


def test_an_ordinary_user_keeps_it_below_the_own_runtime_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as own:
        os.chown(own, 1000, 1000)
        monkeypatch.setenv("XDG_RUNTIME_DIR", own)
        uid = os.geteuid()
        os.seteuid(1000)
        try:
            place = runtime_cache.path()
            runtime_cache.write(place, _NAME, b"content")
            assert read(Path(place)) == b"content"
        finally:
            os.seteuid(uid)
        assert place == f"{own}/pycontainerd-cache"
