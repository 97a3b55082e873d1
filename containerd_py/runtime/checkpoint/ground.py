"""What a restore has ready before CRIU begins, as a program that becomes CRIU: nothing of it outlives CRIU.

    python -c … PACKAGE DOCUMENT FD     DOCUMENT: see `Ground`; FD: a socket, CRIU's own afterwards

In a mount namespace of its own the root is bound on a directory of the container's, since CRIU wants a mount, and what
the plan mounts on is made in it, as when a container is made. With a cgroup namespace CRIU is in it already: where it
keeps away from cgroups, it would leave the container in the host's.

Said on the socket: -> GO or GO_UNSHARED, once the parent has put this process into the container's cgroup; <- READY with
the numbers of two descriptors and a socket at which CRIU listens next, or what failed. The descriptors, of the images and
of the logs, and the socket are made here: CRIU looks for the former in whoever made the latter, and mounts below them.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys

from containerd_py.light import socket
from containerd_py.light.dataclasses import dataclass, names_of, values_of
from containerd_py.runtime.init import targets
from containerd_py.runtime.init.steps import Context, StepFailed
from containerd_py.runtime.linux import process
from containerd_py.runtime.linux.mounts import Propagation, attach, clone_tree, mount_setattr
from containerd_py.runtime.linux.passing import send_fds
from containerd_py.runtime.linux.paths import NO_RESTRICTION, openat2
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.linux.syscall import call
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

    from containerd_py.runtime.plan.plan import Plan

GO = b"go"
GO_UNSHARED = b"go into a cgroup namespace"
READY = b"ready"
BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from containerd_py.runtime.checkpoint.ground import main; main()"
_AT_FDCWD = -100
_MNT_DETACH = 0x2


@dataclass(frozen=True)
class Ground:
    """root: the root file system; place: the directory that it is bound on; criu: the program; images, work: directories.

    points: what is mounted there, in order, as (place, source): source "" for a file system that CRIU makes.
    """

    root: str
    place: str
    criu: str
    images: str
    work: str
    points: tuple[tuple[str, str], ...]

    def encode(self) -> str:
        return json.dumps(dict(zip(names_of(Ground), values_of(self), strict=True)))

    @classmethod
    def decode(cls, document: str) -> Ground:
        given = json.loads(document)
        return cls(**given | {"points": tuple(map(tuple, given["points"]))})


def points(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Return what a plan mounts, as `Ground.points`."""
    found = []
    for step in plan.operations:
        if isinstance(step, op.MountFilesystem):
            found.append((step.target, ""))
        elif isinstance(step, op.AttachTree):
            found.append((step.target, step.source))
        elif isinstance(step, op.BindDevice):
            found.append((step.path, step.path))
    return tuple(found)


def main() -> None:
    """Do it, and become CRIU."""
    _program, _package, document, number = sys.argv
    talk = socket.socket(fileno=int(number))
    told = talk.recv(len(GO_UNSHARED))
    if not told:
        os._exit(1)
    try:
        _become_criu(Ground.decode(document), talk, cgroup_namespace=told == GO_UNSHARED)
    except (OSError, StepFailed) as problem:
        _tell(talk, str(problem))
    except Exception as problem:  # nobody sees what it would write, and the caller has to know
        _tell(talk, f"defect in what prepares it: {problem!r}")
    os._exit(1)


def _become_criu(ground: Ground, talk: socket.socket, *, cgroup_namespace: bool) -> NoReturn:
    directories = prepare(ground, cgroup_namespace=cgroup_namespace)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    send_fds(talk, b"%s %d %d" % (READY, *directories), [theirs.fileno()])
    talk.set_inheritable(False)
    ours.set_inheritable(True)
    os.execv(ground.criu, [ground.criu, "swrk", str(ours.fileno())])  # noqa: S606 - no shell is wanted


def _tell(talk: socket.socket, text: str) -> None:
    """Whatever is in it: names that are no text come as they are."""
    talk.send(text.encode(errors="backslashreplace"))


def prepare(ground: Ground, *, cgroup_namespace: bool) -> tuple[int, int]:
    """Return the descriptors of the images and of the logs, which CRIU inherits. Raises OSError, StepFailed."""
    process.unshare(Clone.NEWNS | (Clone.NEWCGROUP if cgroup_namespace else Clone(0)))
    with openat2(_AT_FDCWD, "/", os.O_PATH, 0, NO_RESTRICTION) as everything:
        mount_setattr(everything.fileno(), propagation=Propagation.SLAVE, recursive=True)
    directories = _inherited(ground.images), _inherited(ground.work)
    with (
        clone_tree(_AT_FDCWD, ground.root, recursive=True) as tree,
        openat2(_AT_FDCWD, ground.place, os.O_PATH | os.O_DIRECTORY, 0, NO_RESTRICTION) as place,
    ):
        attach(tree.fileno(), place.fileno())  # a slave still, from which CRIU takes whose slave the container's root was
    with (
        openat2(_AT_FDCWD, ground.place, os.O_PATH | os.O_DIRECTORY, 0, NO_RESTRICTION) as root,
        socket.socket() as nobody,
        _taken_away() as mounted,
    ):
        make_points(Context({}, nobody, root=root), ground.points, mounted)
    return directories


def _inherited(path: str) -> int:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(directory, True)  # noqa: FBT003 - the parameter has no name
    return directory


def make_points(context: Context, points: tuple[tuple[str, str], ...], mounted: list[int]) -> None:
    """Make what is missing of the places that something is mounted on; what lies in a file system of CRIU's is CRIU's.

    Binds are mounted for that time, since others may lie in them. mounted: gets a descriptor of each.
    """
    covered: list[str] = []
    for place, source in points:
        if any(f"{place}/".startswith(f"{one.rstrip('/')}/") for one in covered):
            continue
        if not source:
            targets.place(context, place, is_directory=True).close()
            covered.append(place)
            continue
        with clone_tree(_AT_FDCWD, source, recursive=True) as tree:
            is_directory = stat.S_ISDIR(os.fstat(tree.fileno()).st_mode)
            with targets.place(context, place, is_directory=is_directory) as target:
                attach(tree.fileno(), target.fileno())
            mounted.append(os.dup(tree.fileno()))


@contextlib.contextmanager
def _taken_away() -> Iterator[list[int]]:
    """Detach what was mounted, the last first."""
    mounted: list[int] = []
    try:
        yield mounted
    finally:
        for fd in reversed(mounted):
            call("umount2", f"/proc/self/fd/{fd}", _MNT_DETACH)
            os.close(fd)
