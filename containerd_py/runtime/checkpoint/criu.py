"""One CRIU that works for us: started, asked for one thing, heard until it is done.

we    ── Request ──►  criu swrk FD
      ◄── Answer ───  (NOTIFY, a moment: "setup-namespaces", "post-restore", "orphan-pts-master" with a descriptor …)
      ── NOTIFY ───►  go on
      ◄── Answer ───  of the kind that was asked for: the end
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

from containerd_py.errors import Internal, NotSupported
from containerd_py.light import socket
from containerd_py.runtime.checkpoint.messages import Answer, Features, Kind, Request, decode, encode
from containerd_py.runtime.linux.passing import receive_fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from containerd_py.runtime.streams import Streams

_LONGEST = 40_960  # CRIU's own limit for a message
_MOST_FDS = 4
_LEAST_VERSION = 31_600
_USUAL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTALL = "install CRIU 3.16 or later (criu.org), and try `criu check`"


class Lost(Exception):
    """CRIU has ended, or said what is not its protocol, before it was done."""


class Criu:
    """A process of CRIU; a context manager that waits for its end, which it comes to where nobody talks to it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        streams: Streams | None = None,
        passed: tuple[int, ...] = (),
        session: bool = True,
    ) -> None:
        """Start `command` with the number of its end of the socket as last argument.

        passed: descriptors that it inherits. session: one of its own, where no signal of the caller's terminal reaches it.
        Raises NotSupported.
        """
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stdin, stdout, stderr = (streams.stdin, streams.stdout, streams.stderr) if streams else (subprocess.DEVNULL,) * 3
        kept = {name: os.environ[name] for name in ("HOME",) if name in os.environ}
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - found in PATH, and checked
                    [*command, str(theirs.fileno())],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(theirs.fileno(), *passed),
                    start_new_session=session,
                    env=kept | {"PATH": search_path()},
                )
            except OSError as problem:
                self.socket.close()
                raise NotSupported(
                    f"cannot execute CRIU {command[0]!r}: {problem.strerror}",
                    step="criu",
                    errno=problem.errno,
                    hint=_INSTALL,
                ) from problem

    @property
    def pid(self) -> int:
        return self._process.pid

    def talk_at(self, fd: int) -> None:
        """Go on at another socket, which is its owner's from now on."""
        self.socket.close()
        self.socket = socket.socket(fileno=fd)

    def ask(self, request: Request, hear: Callable[[Answer, list[int]], None] | None = None) -> Answer:
        """Return the last answer, whether it tells of success or not. hear: told of each moment, with descriptors.

        Raises Lost, and what `hear` raises.
        """
        self._send(request)
        while True:
            answer, fds = self._receive()
            if answer.kind != Kind.NOTIFY:
                return answer
            try:
                if hear is not None:
                    hear(answer, fds)
            finally:
                for fd in fds:
                    os.close(fd)
            self._send(Request(kind=Kind.NOTIFY, notify_success=True))

    def _send(self, request: Request) -> None:
        try:
            self.socket.send(encode(request), socket.MSG_NOSIGNAL)
        except OSError as problem:
            raise Lost(f"it does not listen: {problem.strerror}") from problem

    def _receive(self) -> tuple[Answer, list[int]]:
        try:
            data, fds = receive_fds(self.socket, _LONGEST, _MOST_FDS)
        except OSError as problem:
            raise Lost(str(problem.strerror)) from problem
        if not data:
            raise Lost(f"it has ended without a word: {self._end()}")
        try:
            return decode(data), fds
        except ValueError as problem:
            for fd in fds:
                os.close(fd)
            raise Lost(str(problem)) from problem

    def _end(self) -> str:
        code = self._process.wait()
        return f"signal {-code} killed it" if code < 0 else f"exit code {code}"

    def kill(self) -> None:
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        """It is not killed: in the middle of a dump it lets the processes go first, which it alone can."""
        self.socket.close()
        self._process.wait()


def search_path() -> str:
    """Return the caller's PATH, absolute directories only, and where an administrator's programs are."""
    given = os.environ.get("PATH", "").split(":")
    return ":".join(dict.fromkeys([*(one for one in given if one.startswith("/")), *_USUAL.split(":")]))


def find_criu(wanted: str = "criu") -> str:
    """Return the path of the CRIU that is installed. wanted: its name, or a path.

    Raises NotSupported; also for one that others could change.
    """
    program = shutil.which(wanted, path=search_path())
    if program is None:
        where = "" if "/" in wanted else " in PATH"
        raise NotSupported(f"cannot find CRIU: there is no program {wanted}{where}", step="criu", hint=_INSTALL)
    found = os.stat(program)
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotSupported(
            f"cannot execute CRIU {program!r}: it could be changed by others (owner {found.st_uid}, "
            f"mode {stat.S_IMODE(found.st_mode):o})",
            step="criu",
            hint="chown it to root, and remove write permission of group and others",
        )
    return program


def version(program: str) -> int:
    """Return CRIU's version, 31700 for 3.17. Raises NotSupported."""
    try:
        with Criu([program, "swrk"]) as criu:
            answer = criu.ask(Request(kind=Kind.VERSION))
    except Lost as problem:
        raise NotSupported(
            f"cannot ask CRIU {program!r} for its version: {problem}", step="criu", hint=_INSTALL
        ) from problem
    return answer.version


def checked(program: str) -> str:
    """Return the program, where its version will do. Raises NotSupported."""
    found = version(program)
    if found < _LEAST_VERSION:
        told = f"{found // 10_000}.{found // 100 % 100}.{found % 100}"
        raise NotSupported(f"cannot use CRIU {program!r}: it is version {told}, too old", step="criu", hint=_INSTALL)
    return program


def is_usable() -> bool:
    """Tell whether there is a CRIU that can be asked; not whether this kernel has what it needs for a container."""
    try:
        checked(find_criu())
    except NotSupported:
        return False
    return True


def check_features(program: str, wanted: Features) -> None:
    """Raise NotSupported where CRIU, or the kernel, cannot do what is wanted."""
    try:
        with Criu([program, "swrk"]) as criu:
            found = criu.ask(Request(kind=Kind.FEATURE_CHECK, features=wanted)).features
    except Lost as problem:
        raise Internal(f"cannot ask CRIU {program!r} for its features: {problem}", step="criu") from problem
    if wanted.mem_track and not found.mem_track:
        raise NotSupported(
            "cannot track which memory is changed (--pre-dump): the kernel or CRIU lacks it",
            step="criu",
            hint="it takes a kernel with CONFIG_MEM_SOFT_DIRTY; a checkpoint without pre-dump works without",
        )
    if wanted.lazy_pages and not found.lazy_pages:
        raise NotSupported(
            "cannot fetch memory later (--lazy-pages): the kernel or CRIU lacks it",
            step="criu",
            hint="it takes a kernel with CONFIG_USERFAULTFD",
        )
