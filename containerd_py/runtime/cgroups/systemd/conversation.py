"""D-Bus without input and output: what is to be sent, and what becomes of what was received.

An exchange is a generator of `steps`: it yields what it asks for, and is sent the answer. Whoever has the socket hands over
what came (`received`) and sends what there is to be sent (`outgoing`); so one that blocks and one of asyncio share all that
there is to know. An exchange goes on the very moment its answer is read: a signal right behind it is not missed.
"""

from __future__ import annotations

import array
import itertools
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from jeepney import DBusAddress, HeaderFields, MessageType, Parser, new_method_call

from containerd_py.light.dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from jeepney import Message

Outcome = TypeVar("Outcome")
Started = TypeVar("Started")

_SYSTEMD = "org.freedesktop.systemd1"
_MANAGER = "org.freedesktop.systemd1.Manager"
_BUS = "org.freedesktop.DBus"
_LOST = tuple(
    f"org.freedesktop.DBus.Error.{name}" for name in ("NoReply", "Disconnected", "ServiceUnknown", "NameHasNoOwner")
)
"""What the bus says for systemd while that is not there, or has gone."""


class BusError(Exception):
    """An error that was answered. name: as D-Bus has it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class ConnectionLost(Exception):
    """There is no telling whether what was asked last has been done."""


@dataclass(frozen=True)
class Call:
    """A method of systemd; its answer is a tuple, or a BusError is raised. Descriptors stay the caller's."""

    member: str
    signature: str = ""
    body: tuple[Any, ...] = ()
    path: str = "/org/freedesktop/systemd1"
    interface: str = _MANAGER
    destination: str = _SYSTEMD


@dataclass(frozen=True)
class JobEnd:
    """The end of a job, by its object path; its answer is the result: "done", "failed", "canceled" ..."""

    job: str


@dataclass(frozen=True)
class UnitGone:
    """The moment in which systemd forgets a unit; no answer."""

    name: str


Step = Call | JobEnd | UnitGone
Steps = Generator[Step, Any, Outcome]


@dataclass(frozen=True)
class JobBegun:
    """Somebody, perhaps we, has asked for a job of a unit. job: its number."""

    job: int
    unit: str


class Exchange(Generic[Outcome]):
    """Steps that are under way. on_end: called once, when there is an outcome or an error."""

    def __init__(self, steps: Steps[Outcome], on_end: Callable[[], None] = lambda: None) -> None:
        self._steps = steps
        self._on_end = on_end
        self._outcome: tuple[Outcome] | None = None
        self._error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return self._outcome is not None or self._error is not None

    def result(self) -> Outcome:
        """Return what the steps returned, raise what they raised. Only once it has ended."""
        if self._error is not None:
            raise self._error
        assert self._outcome is not None  # noqa: S101 - asked for too early
        return self._outcome[0]

    def advance(self, answer: object) -> Step | None:
        """Answer what it waits for; return what it waits for next, None at its end."""
        return self._moved(lambda: self._steps.send(answer))

    def fail(self, problem: BaseException) -> Step | None:
        """Answer with an error, which it may get over."""
        return self._moved(lambda: self._steps.throw(problem))

    def abandon(self, problem: BaseException) -> None:
        """End it by an error, whatever it waits for."""
        if not self.ended:
            self._steps.close()
            self._end(error=problem)

    def _moved(self, move: Callable[[], Step]) -> Step | None:
        try:
            return move()
        except StopIteration as end:
            self._outcome = (end.value,)
            self._on_end()
        except Exception as problem:
            self._end(error=problem)
        return None

    def _end(self, *, error: BaseException) -> None:
        self._error = error
        self._on_end()


class Conversation:
    """One connection. on_job: told of each job that begins."""

    def __init__(self, on_job: Callable[[JobBegun], None] = lambda _job: None) -> None:
        self._on_job = on_job
        self._parser = Parser()
        self._serials = itertools.count(1)
        self._outgoing: list[tuple[bytes, tuple[int, ...]]] = []
        self._replies: dict[int, Exchange[Any]] = {}
        self._jobs: dict[str, list[Exchange[Any]]] = {}
        self._units: dict[str, list[Exchange[Any]]] = {}

    def begin(self, steps: Steps[Started], on_end: Callable[[], None] = lambda: None) -> Exchange[Started]:
        exchange = Exchange(steps, on_end)
        self._wait(exchange, exchange.advance(None))
        return exchange

    def outgoing(self) -> list[tuple[bytes, tuple[int, ...]]]:
        """Return what is to be sent, with descriptors; it is the caller's to send from now on."""
        found, self._outgoing = self._outgoing, []
        return found

    def received(self, data: bytes) -> None:
        """Take what came; let everything that it answers go on."""
        for message in self._parser.feed(data):
            self._dispatch(message)

    def lost(self, problem: BaseException) -> None:
        """Tell everybody who waits that nothing comes any more."""
        waiting = [
            *self._replies.values(),
            *itertools.chain(*self._jobs.values(), *self._units.values()),
        ]
        self._replies, self._jobs, self._units = {}, {}, {}
        for exchange in waiting:
            exchange.fail(problem)

    def _wait(self, exchange: Exchange[Any], step: Step | None) -> None:
        match step:
            case Call():
                serial = next(self._serials)
                self._replies[serial] = exchange
                self._send(step, serial)
            case JobEnd():
                self._jobs.setdefault(step.job, []).append(exchange)
            case UnitGone():
                self._units.setdefault(step.name, []).append(exchange)

    def _send(self, call: Call, serial: int) -> None:
        address = DBusAddress(call.path, bus_name=call.destination, interface=call.interface)
        message = new_method_call(address, call.member, call.signature or None, call.body)
        passed = array.array("i")
        data = message.serialise(serial, fds=passed)
        self._outgoing.append((data, tuple(passed)))

    def _dispatch(self, message: Message) -> None:
        fields = message.header.fields
        if message.header.message_type is MessageType.signal:
            self._signal(fields.get(HeaderFields.member, ""), message.body)
            return
        exchange = self._replies.pop(fields.get(HeaderFields.reply_serial, 0), None)
        if exchange is None or exchange.ended:
            return
        if message.header.message_type is MessageType.error:
            self._wait(exchange, exchange.fail(_problem(fields.get(HeaderFields.error_name, ""), message.body)))
        else:
            self._wait(exchange, exchange.advance(message.body))

    def _signal(self, member: str, body: tuple[Any, ...]) -> None:
        if member == "JobRemoved":
            _number, path, _unit, result = body
            self._go_on(self._jobs.pop(path, []), result)
        elif member == "UnitRemoved":
            self._go_on(self._units.pop(body[0], []), None)
        elif member == "JobNew":
            self._on_job(JobBegun(body[0], body[2]))
        elif member == "NameOwnerChanged" and body[0] == _SYSTEMD and body[1]:
            self.lost(ConnectionLost("systemd has left the bus"))

    def _go_on(self, waiting: list[Exchange[Any]], answer: object) -> None:
        for exchange in waiting:
            if not exchange.ended:
                self._wait(exchange, exchange.advance(answer))


@dataclass(frozen=True)
class Greeted:
    """version: of systemd; root: the cgroup of the service manager, below which its slices are; "" for the hierarchy's."""

    version: int
    root: str


def _problem(name: str, body: tuple[Any, ...]) -> BusError | ConnectionLost:
    text = body[0] if body and isinstance(body[0], str) else ""
    return ConnectionLost(text or name) if name in _LOST else BusError(name, text)


def greeting(*, bus: bool) -> Steps[Greeted]:
    """Yield what comes first on a connection, so that signals come; return whom it is to.

    bus: it is one to a message bus; the manager's own socket knows no names and no matches.
    """
    if bus:
        yield Call("Hello", destination=_BUS, path="/org/freedesktop/DBus", interface=_BUS)
        for rule in (
            f"type='signal',sender='{_SYSTEMD}',interface='{_MANAGER}',path='/org/freedesktop/systemd1'",
            f"type='signal',sender='{_BUS}',interface='{_BUS}',member='NameOwnerChanged',arg0='{_SYSTEMD}'",
        ):
            yield Call("AddMatch", "s", (rule,), destination=_BUS, path="/org/freedesktop/DBus", interface=_BUS)
    yield Call("Subscribe")
    version: str = yield from get_property("/org/freedesktop/systemd1", _MANAGER, "Version")
    root: str = yield from get_property("/org/freedesktop/systemd1", _MANAGER, "ControlGroup")
    return Greeted(parse_version(version), root.rstrip("/"))


def get_property(path: str, interface: str, name: str, destination: str = _SYSTEMD) -> Steps[Any]:
    asked = (interface, name)
    (variant,) = yield Call("Get", "ss", asked, path, interface="org.freedesktop.DBus.Properties", destination=destination)
    return variant[1]


def parse_version(text: str) -> int:
    """Return 252 of "252.39-1~deb12u1" and of "v252"; 0 for what is no version."""
    digits = "".join(itertools.takewhile(str.isdigit, text.removeprefix("v")))
    return int(digits) if digits.isascii() and digits else 0
