"""A command that was killed half-way: what it left is found, told truly, and can be taken away."""

import contextlib
import dataclasses
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime.linux.fd import Fd
from tests.faults.silent_server import LOOKUP, silent_server
from tests.oci.containers import Container, Containers, cgroups_of, eventually

STATES = ("state.json", "status")
"""Where the runtimes keep it: the second name is crun's."""


def directory(container: Container) -> Path:
    assert container.runtime.root is not None
    return container.runtime.root / container.id


@pytest.mark.lacks("runc", "sees no container there, and leaves the directory")
def test_an_id_whose_creation_was_killed_at_once_can_be_freed(oci: Containers) -> None:
    keeper = oci.create()
    half = Container(oci.runtime, oci.fresh_id(), oci.bundle, keeper.made)
    directory(half).mkdir()
    (directory(half) / "config.json.new").write_text("{")
    half.delete().ok()
    assert not directory(half).exists()
    assert half.delete().code == 1


@pytest.mark.lacks("crun", "lists the others, but ends with an error")
def test_a_state_that_was_damaged_hides_no_other_container(oci: Containers) -> None:
    box = oci.create()
    broken = directory(box).with_name("broken")
    broken.mkdir()
    for name in STATES:
        (broken / name).write_text("[" * 100_000)
    assert box.id in oci.runtime("list", "--quiet").ok().stdout
    result = oci.runtime("state", "broken")
    assert (result.code, "is damaged" in result.stderr) == (1, oci.runtime.kind == "pyrunc")
    for name in STATES:
        (broken / name).unlink()
    broken.rmdir()


@pytest.mark.lacks("crun", "keeps its state in files of other names")
@pytest.mark.lacks("runc", "same")
def test_a_container_whose_start_was_killed_is_told_to_run(oci: Containers) -> None:
    """What that leaves is put back: a socket where nobody listens, and a state from before."""
    box = oci.create({"process.args": ["/bin/sleep", "1000"]})
    socket, state = directory(box) / "start.sock", (directory(box) / "state.json").read_bytes()
    assert [box.status(), box.status(), box.status()] == ["created"] * 3
    (directory(box) / "kept").hardlink_to(socket)
    box.start()
    (directory(box) / "state.json").write_bytes(state)
    assert box.status() == "running"
    (directory(box) / "kept").rename(socket)
    assert box.status() == "running"
    assert "it is running" in oci.runtime("start", box.id).stderr
    assert "it is running" in box.delete().stderr


# ── a cgroup that stays busy ─────────────────────────────────────────────────────────────────────────────────────────

_WITH_FUSE = pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="this host has no FUSE")
_ASK = """
sh -c 'echo $$ >{place}/stuck
for members in /sys/fs/cgroup/{id}/cgroup.procs /sys/fs/cgroup/*/{id}/cgroup.procs; do
    [ ! -e $members ] || echo $$ >$members
done
exec cat {silent}/file' &
until [ -e {place}/asked ]; do sleep 0.05; done
exit 1
"""


@contextlib.contextmanager
def creation_that_cannot_be_undone(oci: Containers, place: Path) -> Iterator[Container]:
    """A hook that fails leaves a process in the container's cgroup that cannot be killed, until this context ends."""
    with silent_server(place / "silent", LOOKUP) as asked:
        script = _ASK.format(silent=place / "silent", place=place, id=f"{oci.prefix}-{oci.count + 1}")
        hook = {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]}
        half = oci.begin("create", {"hooks": {"createRuntime": [hook]}})
        assert asked.wait(30)
        (place / "asked").touch()
        yield half


@_WITH_FUSE
@pytest.mark.lacks("crun", "leaves it, tells nothing of it, and forgets it", run=False)
@pytest.mark.lacks("runc", "waits for it without end", run=False)
def test_what_of_a_creation_cannot_be_undone_is_told_and_can_be_deleted(oci: Containers, place: Path) -> None:
    with creation_that_cannot_be_undone(oci, place) as half:
        result = half.made.wait()
        assert result.code == 1
        assert "hook" in result.stderr
        assert "still busy" in result.stderr
        assert half.id in oci.runtime("list", "--quiet").ok().stdout
        refused = half.delete("--force")
        assert refused.code == 1
        assert "still busy" in refused.stderr
    half.delete("--force").ok()
    oci.nothing_left(half.id)


@_WITH_FUSE
@pytest.mark.lacks("crun", "lets others", run=False)
@pytest.mark.lacks("runc", "waits without end", run=False)
def test_nobody_works_on_what_is_being_undone(oci: Containers, place: Path) -> None:
    """Who could delete it meanwhile could make another one of that id, whose cgroup would be removed."""
    with creation_that_cannot_be_undone(oci, place) as half:
        eventually(lambda: _is_killed(int((place / "stuck").read_text())), what="the undoing")
        with Fd(os.open(directory(half), os.O_RDONLY)) as turn, pytest.raises(BlockingIOError):
            fcntl.flock(turn.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert half.made.wait().code == 1
    oci.nothing_left(half.id)


def _is_killed(pid: int) -> bool:
    """SIGKILL is pending, which the process cannot take notice of."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    pending = int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)
    return bool(pending >> (signal.SIGKILL - 1) & 1)


# ── a hierarchy that cannot be seen ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.lacks("crun", "passes over it without a word", some=True)
@pytest.mark.lacks("runc", "same", some=True)
def test_a_cgroup_that_the_caller_cannot_see_is_told(oci: Containers) -> None:
    """In a mount namespace without cgroup2, say."""
    box = oci.start()
    box.kill().ok()
    box.await_status("stopped")
    (hidden, *_others) = [path for path in cgroups_of(box.id) if (path / "cgroup.controllers").exists()]
    unmounting = f'umount -l {hidden.parent}; exec "$@"'
    blind = dataclasses.replace(oci.runtime, through=("unshare", "--mount", "sh", "-c", unmounting, "sh"))
    result = blind("delete", box.id).ok()
    told = f"cannot tell whether cgroup '{hidden}' is gone" in result.stderr
    assert told == hidden.exists()
    if hidden.exists():
        hidden.rmdir()
