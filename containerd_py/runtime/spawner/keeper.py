"""The spawner's main loop: fork on request, keep descriptors, tell exits."""

from __future__ import annotations

import errno
import os
import select
import struct
import sys

from containerd_py import __version__
from containerd_py.light import socket
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus, is_held, witness_exit
from containerd_py.runtime.plan import plan
from containerd_py.runtime.spawner import protocol
from containerd_py.runtime.spawner.children import Child, hand_on, take_over
from containerd_py.runtime.spawner.fork import NotAlone, fork_worker
from containerd_py.runtime.spawner.request import ForkRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from containerd_py.runtime.spawner.protocol import Message

_UCRED = struct.Struct("iII")
_HELD_PAUSE_S = 0.02
_LONGEST_REASON = 500


class Keeper:
    """One daemon at a time is connected; requests are handled in the order in which they come."""

    def __init__(self, listener: socket.socket, birthplace: AbstractContextManager[None]) -> None:
        """birthplace: see `fork_worker`; a successor starts from there too."""
        self._listener = listener
        self._birthplace = birthplace
        self._daemon: socket.socket | None = None
        self._children: dict[str, Child] = {}
        self._by_pidfd: dict[int, Child] = {}
        self._held: list[Child] = []
        self._poll = select.epoll()
        self._poll.register(listener, select.EPOLLIN)
        self._handlers = {
            "spawn": self._spawn,
            "keep": self._keep,
            "drop": self._drop,
            "adopt": self._adopt,
            "forget": self._forget,
            "ping": self._ping,
            "upgrade": self._upgrade,
            "quit": self._quit,
        }

    def run(self) -> None:
        while True:
            # The listener last: the daemon that hung up is heard to its end before the next one is let in.
            pause_s = _HELD_PAUSE_S if self._held else None
            for number, _events in sorted(self._poll.poll(pause_s), key=lambda event: event[0] == self._listener.fileno()):
                if number == self._listener.fileno():
                    self._accept()
                elif self._daemon is not None and number == self._daemon.fileno():
                    self._serve(self._daemon)
                elif number in self._by_pidfd:
                    self._note_exit(self._by_pidfd[number])
            held, self._held = self._held, []
            for child in held:
                self._note_exit(child)

    # ── the connection ──

    def _accept(self) -> None:
        connection, _address = self._listener.accept()
        _pid, uid, _gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
        if uid != os.geteuid() or (self._daemon is not None and not self._daemon_is_gone()):
            connection.close()
            return
        self._daemon = connection
        self._poll.register(connection, select.EPOLLIN)
        hello = {"protocol": protocol.PROTOCOL, "version": __version__, "pid": os.getpid(), "plan": plan.FORMAT}
        self._tell({"op": "hello", **hello})
        for child in self._children.values():
            message = {
                "op": "container",
                "id": child.id,
                "pid": child.pid,
                "keep": list(child.kept),
                "exit": child.exit,
            }
            self._tell(message, [child.pidfd.fileno(), *(fd.fileno() for fd in child.kept.values())])
        self._tell({"op": "ready"})

    def _daemon_is_gone(self) -> bool:
        """A daemon that was killed may not have been noticed yet when the next one connects: serve what it left."""
        while self._daemon is not None and _readable(self._daemon):
            self._serve(self._daemon)
        return self._daemon is None

    def _serve(self, daemon: socket.socket) -> None:
        """Hang up on a daemon that says what is no request: it comes again, and containers keep their parent.

        Why is said first: this process has no log, and a defect of its own looks like that to the daemon.
        """
        try:
            message, numbers = protocol.receive(daemon)
        except ValueError as problem:
            self._part(str(problem))
            return
        if message is None:
            self._hang_up()
            return
        fds = [Fd(number) for number in numbers]
        try:
            self._handlers[message["op"]](message, fds)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError) as problem:
            self._part(f"cannot do {message['op']!r}: {_where(problem)}")
        finally:
            for fd in fds:
                fd.close()  # what was kept has been taken out of its `Fd`

    def _part(self, reason: str) -> None:
        self._tell({"op": "parting", "text": reason})
        self._hang_up()

    def _hang_up(self) -> None:
        if self._daemon is not None:
            self._poll.unregister(self._daemon)
            self._daemon.close()
            self._daemon = None

    def _tell(self, message: Message, fds: list[int] | tuple[int, ...] = ()) -> None:
        """Tell the daemon; one that is gone learns it from the inventory when it is back."""
        if self._daemon is None:
            return
        try:
            protocol.send(self._daemon, message, fds)
        except OSError:
            self._hang_up()

    # ── requests ──

    def _spawn(self, message: Message, fds: list[Fd]) -> None:
        answer = {"seq": message["seq"], "id": message["id"]}
        if len(fds) != 1 + message["cgroup"] + len(message["joins"]) + len(
            message["keep"]
        ):  # the kernel drops what there is no room for
            text = "descriptors were lost on their way: the spawner is at its limit"
            self._tell({"op": "refused", **answer, "errno": errno.EMFILE, "text": text})
            return
        request, kept = ForkRequest.read(message, [fd.fileno() for fd in fds])
        try:
            pid, pidfd = fork_worker(request, self._birthplace)
        except OSError as problem:
            self._tell({"op": "refused", **answer, "errno": problem.errno, "text": str(problem)})
            return
        except NotAlone as problem:
            self._tell({"op": "refused", **answer, "errno": None, "text": str(problem)})
            return
        self._add(Child(message["id"], pid, pidfd, _kept(message, fds[kept:])))
        self._tell({"op": "spawned", **answer, "pid": pid}, [pidfd.fileno()])

    def _adopt(self, message: Message, fds: list[Fd]) -> None:
        if not fds:
            return  # at the limit of descriptors: the daemon still has its own
        pidfd, *others = fds
        self._add(Child(message["id"], message["pid"], Fd(pidfd.take()), _kept(message, others)))

    def _keep(self, message: Message, fds: list[Fd]) -> None:
        child = self._children.get(message["id"])
        if child is not None:
            for name, fd in _kept(message, fds).items():
                child.keep(name, fd)

    def _drop(self, message: Message, _fds: list[Fd]) -> None:
        child = self._children.get(message["id"])
        for name in message["names"] if child is not None else ():
            if child is not None and name in child.kept:
                child.kept.pop(name).close()

    def _forget(self, message: Message, _fds: list[Fd]) -> None:
        child = self._children.pop(message["id"], None)
        if child is None:
            return
        child.close_kept()
        if child.exit is None:
            child.forgotten = True  # and closed once it has ended and is reaped
        else:
            child.close()

    def _ping(self, message: Message, _fds: list[Fd]) -> None:
        self._tell({"op": "pong", "seq": message["seq"]})

    def _quit(self, _message: Message, _fds: list[Fd]) -> None:
        if not self._children:
            sys.exit(0)

    # ── children ──

    def _add(self, child: Child) -> None:
        former = self._children.get(child.id)
        if former is not None:
            self._forget({"id": former.id}, [])
        self._children[child.id] = child
        self._watch(child)

    def _watch(self, child: Child) -> None:
        self._by_pidfd[child.pidfd.fileno()] = child
        self._poll.register(child.pidfd.fileno(), select.EPOLLIN)

    def _all(self) -> tuple[Child, ...]:
        """Those that are known, and those that are forgotten and not reaped yet."""
        return (*self._children.values(), *self._by_pidfd.values(), *self._held)

    def _unwatch(self, child: Child) -> None:
        if self._by_pidfd.pop(child.pidfd.fileno(), None) is not None:
            self._poll.unregister(child.pidfd.fileno())

    def _note_exit(self, child: Child) -> None:
        self._unwatch(child)
        status = witness_exit(child.pidfd.fileno())
        if status is None and is_held(child.pidfd.fileno()):
            # Left there it would keep its pid namespace, and so its container, from ever ending.
            self._held.append(child)
            return
        # Asked again: whoever held it may have let go of it since.
        status = status or witness_exit(child.pidfd.fileno()) or WaitStatus(None, None)
        if child.forgotten:
            child.close()
            return
        child.exit = {"code": status.code, "signal": status.signal}
        self._tell({"op": "exited", "id": child.id, **child.exit})

    # ── upgrade in place ──

    def _upgrade(self, message: Message, fds: list[Fd]) -> None:
        """Become another version of this program: same pid, same children, every descriptor kept."""
        interpreter, arguments = f"/proc/self/fd/{fds[0].fileno()}", [*message["arguments"]]
        record = hand_on(self._listener.fileno(), {id(child): child for child in self._all()}.values())
        self._hang_up()
        with self._birthplace:
            os.execve(interpreter, [*arguments, str(record)], {})  # noqa: S606 - ourselves, sealed

    @classmethod
    def resume(cls, record: int, birthplace: AbstractContextManager[None]) -> Keeper:
        """Take over what `_upgrade` left, from the descriptor of its record."""
        listener, children = take_over(record)
        keeper = cls(socket.socket(fileno=listener), birthplace)
        for child in children:
            if not child.forgotten:
                keeper._children[child.id] = child
            if child.exit is None:
                keeper._watch(child)
        return keeper


def _kept(message: Message, fds: list[Fd]) -> dict[str, Fd]:
    return {name: Fd(fd.take()) for name, fd in zip(message["keep"], fds, strict=False)}


def _readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _where(problem: BaseException) -> str:
    """Return what went wrong and where, in one short line."""
    found: TracebackType | None = problem.__traceback__
    while found is not None and found.tb_next is not None:
        found = found.tb_next
    place = "" if found is None else f" ({found.tb_frame.f_code.co_name}, line {found.tb_lineno})"
    return f"{type(problem).__name__}: {problem}"[:_LONGEST_REASON] + place
