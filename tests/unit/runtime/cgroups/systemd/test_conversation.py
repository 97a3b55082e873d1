"""What is asked of systemd, and how it goes on: a dialogue, the other side of which is this file."""

import array
from collections.abc import Callable
from typing import Any

import pytest
from jeepney import HeaderFields, Message, MessageType, Parser, new_error, new_method_return
from jeepney.low_level import Endianness, Header

from containerd_py.errors import Conflict, ContainerdError, Forbidden, InvalidArgument, NotSupported, Unavailable
from containerd_py.runtime.cgroups.systemd import steps
from containerd_py.runtime.cgroups.systemd.conversation import (
    BusError,
    ConnectionLost,
    Conversation,
    Exchange,
    Greeted,
    JobBegun,
    Steps,
    greeting,
    parse_version,
)
from containerd_py.runtime.cgroups.systemd.property import Property

SCOPE = "x.scope"
JOB = "/org/freedesktop/systemd1/job/7"
UNIT = "/org/freedesktop/systemd1/unit/x"
EXISTS = "org.freedesktop.systemd1.UnitExists"
NO_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
LIMIT = Property("TasksMax", "t", 5, "linux.resources.pids.limit")


class Manager:
    """systemd's side: what it hears, and what it answers."""

    def __init__(self, steps: Steps[Any], on_job: Callable[[JobBegun], None] = lambda _job: None) -> None:
        self.conversation = Conversation(on_job)
        self.exchange: Exchange[Any] = self.conversation.begin(steps)
        self.descriptors: list[int] = []
        self._parser = Parser()
        self._serial = 100

    def heard(self, member: str) -> Message:
        """Return the one call that has come since, which is this one."""
        calls = []
        for data, fds in self.conversation.outgoing():
            self.descriptors += fds
            self._parser.add_data(data, fds=[*fds])
            calls += list(iter(self._parser.get_next_message, None))
        (call,) = calls
        assert call.header.fields[HeaderFields.member] == member
        return call

    def answer(self, member: str, signature: str = "", *body: Any) -> tuple[Any, ...]:
        call = self.heard(member)
        self._say(new_method_return(call, signature or None, body))
        heard: tuple[Any, ...] = call.body
        return heard

    def refuse(self, member: str, name: str, text: str = "no") -> None:
        self._say(new_error(self.heard(member), name, "s", (text,)))

    def signal(self, member: str, signature: str, *body: Any) -> None:
        fields = {
            HeaderFields.path: "/org/freedesktop/systemd1",
            HeaderFields.interface: "a.b",
            HeaderFields.member: member,
        }
        fields[HeaderFields.signature] = signature
        self._say(Message(Header(Endianness.little, MessageType.signal, 0, 1, -1, -1, fields), body))

    def _say(self, message: Message) -> None:
        self._serial += 1
        self.conversation.received(message.serialise(self._serial, fds=array.array("i")))

    def end_job(self, result: str) -> None:
        self.signal("JobRemoved", "uoss", 7, JOB, SCOPE, result)

    def state(self, state: str) -> None:
        self.answer("GetUnit", "o", UNIT)
        self.answer("Get", "v", ("s", state))


def starting(version: int = 252) -> Manager:
    return Manager(steps.start(SCOPE, [LIMIT], 42, 9, version))


def test_a_scope_is_started_when_its_job_is_done() -> None:
    manager = starting()
    name, mode, properties, others = manager.answer("StartTransientUnit", "o", JOB)
    assert (name, mode, others) == (SCOPE, "fail", [])
    assert properties == [("PIDs", ("au", [42])), ("TasksMax", ("t", 5))]
    assert not manager.exchange.ended
    manager.signal("JobRemoved", "uoss", 8, JOB + "0", SCOPE, "done")
    assert not manager.exchange.ended
    manager.end_job("done")
    manager.exchange.result()


def test_a_later_version_gets_the_process_by_descriptor() -> None:
    manager = starting(version=255)
    _name, _mode, properties, _others = manager.answer("StartTransientUnit", "o", JOB)
    assert (properties[0][0], manager.descriptors) == ("PIDFDs", [9])


def test_a_job_that_ends_in_the_same_read_is_not_missed() -> None:
    manager = starting()
    call = manager.heard("StartTransientUnit")
    reply = new_method_return(call, "o", (JOB,)).serialise(5)
    fields = {HeaderFields.path: "/", HeaderFields.interface: "a.b", HeaderFields.member: "JobRemoved"}
    header = Header(Endianness.little, MessageType.signal, 0, 1, -1, -1, {**fields, HeaderFields.signature: "uoss"})
    manager.conversation.received(reply + Message(header, (7, JOB, SCOPE, "done")).serialise(6))
    manager.exchange.result()


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        ("failed", Unavailable),
        ("canceled", Conflict),
        ("dependency", Conflict),
        ("timeout", Unavailable),
        ("odd", Unavailable),
    ],
)
def test_a_job_that_is_not_done(result: str, kind: type[ContainerdError]) -> None:
    manager = starting()
    manager.answer("StartTransientUnit", "o", JOB)
    manager.end_job(result)
    with pytest.raises(kind, match=r"cannot start scope 'x\.scope'") as caught:
        manager.exchange.result()
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("name", "text", "kind", "words"),
    [
        ("org.freedesktop.DBus.Error.AccessDenied", "Access denied", Forbidden, "polkit"),
        ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "", Forbidden, "polkit"),
        (
            "org.freedesktop.DBus.Error.PropertyReadOnly",
            "Cannot set property TasksMax, or unknown property.",
            NotSupported,
            "linux.resources.pids.limit",
        ),
        (
            "org.freedesktop.DBus.Error.InvalidArgs",
            "TasksMax is out of range",
            InvalidArgument,
            "linux.resources.pids.limit",
        ),
        ("org.freedesktop.systemd1.UnitMasked", "Unit x.slice is masked.", Conflict, "unmask"),
        ("org.freedesktop.systemd1.ShuttingDown", "", Unavailable, "shut down"),
        ("some.other.Error", "what", Unavailable, "what"),
    ],
)
def test_a_refusal_tells_whose_fault_it_is(name: str, text: str, kind: type[ContainerdError], words: str) -> None:
    manager = starting()
    manager.refuse("StartTransientUnit", name, text)
    with pytest.raises(ContainerdError) as caught:
        manager.exchange.result()
    assert type(caught.value) is kind
    assert words in f"{caught.value.message}; {caught.value.hint}"


def test_a_name_that_a_failed_unit_still_has_is_used_again() -> None:
    manager = starting()
    manager.refuse("StartTransientUnit", EXISTS)
    manager.answer("ResetFailedUnit")
    manager.refuse("GetUnit", NO_UNIT)
    manager.answer("StartTransientUnit", "o", JOB)
    manager.end_job("done")
    manager.exchange.result()


def test_a_unit_that_has_ended_is_collected_meanwhile() -> None:
    manager = starting()
    for state in ("failed", "inactive"):
        manager.refuse("StartTransientUnit", EXISTS)
        manager.answer("ResetFailedUnit")
        manager.state(state)
    manager.answer("StartTransientUnit", "o", JOB)
    manager.end_job("done")
    manager.exchange.result()


def test_a_unit_whose_processes_are_gone_is_stopped_first() -> None:
    manager = starting()
    manager.refuse("StartTransientUnit", EXISTS)
    manager.refuse("ResetFailedUnit", NO_UNIT)
    manager.state("active")
    manager.answer("GetUnitProcesses", "a(sus)", [])
    manager.answer("StopUnit", "o", JOB)
    manager.signal("UnitRemoved", "so", "other.scope", "/")
    assert manager.conversation.outgoing() == []
    manager.signal("UnitRemoved", "so", SCOPE, UNIT)
    manager.answer("StartTransientUnit", "o", JOB)
    manager.end_job("done")
    manager.exchange.result()


def test_a_unit_that_is_about_to_go_is_waited_for() -> None:
    manager = starting()
    manager.refuse("StartTransientUnit", EXISTS)
    manager.answer("ResetFailedUnit")
    manager.state("deactivating")
    manager.signal("UnitRemoved", "so", SCOPE, UNIT)
    manager.answer("StartTransientUnit", "o", JOB)


@pytest.mark.parametrize("state", ["active", "activating"])
def test_a_unit_of_somebody_else_is_left_alone(state: str) -> None:
    manager = starting()
    for _ in range(4):
        manager.refuse("StartTransientUnit", EXISTS)
        manager.answer("ResetFailedUnit")
        manager.state(state)
        if state == "active":
            manager.answer("GetUnitProcesses", "a(sus)", [("/x", 7, "sleep")])
    manager.refuse("StartTransientUnit", EXISTS, "Unit x.scope was already loaded")
    with pytest.raises(Conflict, match="already loaded"):
        manager.exchange.result()


def test_a_connection_that_is_lost_is_no_answer() -> None:
    manager = starting()
    manager.answer("StartTransientUnit", "o", JOB)
    manager.conversation.lost(ConnectionLost("gone"))
    with pytest.raises(ConnectionLost):
        manager.exchange.result()


def test_systemd_that_leaves_the_bus_is_a_connection_lost() -> None:
    manager = starting()
    manager.answer("StartTransientUnit", "o", JOB)
    manager.signal("NameOwnerChanged", "sss", "org.freedesktop.systemd1", ":1.1", "")
    with pytest.raises(ConnectionLost):
        manager.exchange.result()


def test_no_reply_is_a_connection_lost() -> None:
    manager = starting()
    manager.refuse("StartTransientUnit", "org.freedesktop.DBus.Error.NoReply")
    with pytest.raises(ConnectionLost):
        manager.exchange.result()


def test_on_a_new_connection_a_scope_that_runs_is_found() -> None:
    manager = Manager(steps.look_after(SCOPE, 42))
    manager.state("active")
    manager.answer("GetUnitProcesses", "a(sus)", [("/x", 42, "sleep")])
    assert manager.exchange.result() is True


def test_on_a_new_connection_the_scope_before_is_not_taken_for_it() -> None:
    manager = Manager(steps.look_after(SCOPE, 42))
    manager.state("active")
    manager.answer("GetUnitProcesses", "a(sus)", [])
    assert manager.exchange.result() is False


def test_on_a_new_connection_a_job_is_waited_for() -> None:
    manager = Manager(steps.look_after(SCOPE, 42))
    manager.state("activating")
    manager.answer("Get", "v", ("(uo)", (7, JOB)))
    manager.end_job("done")
    manager.answer("GetUnitProcesses", "a(sus)", [("/x", 42, "sleep")])
    assert manager.exchange.result() is True


@pytest.mark.parametrize("state", [None, "inactive", "failed"])
def test_on_a_new_connection_what_was_never_asked_for_is_not_there(state: str | None) -> None:
    manager = Manager(steps.look_after(SCOPE, 42))
    if state is None:
        manager.refuse("GetUnit", NO_UNIT)
    else:
        manager.state(state)
    assert manager.exchange.result() is False


def test_scopes_of_a_slice_without_a_process_are_forgotten() -> None:
    """Those that are known are not asked for, and those of another slice, or that are gone meanwhile, left alone."""
    manager = Manager(steps.forget_empty("ours.slice", {"pycontainerd-known.scope"}))
    names = ("known", "other", "gone", "full", "empty")
    listed = [
        (f"pycontainerd-{name}.scope", "", "loaded", "active", "running", "", f"/unit/{name}", 0, "", "/") for name in names
    ]
    assert manager.answer("ListUnitsByPatterns", "a(ssssssouso)", listed) == (["active"], ["pycontainerd-*.scope"])
    manager.answer("Get", "v", ("s", "theirs.slice"))
    manager.refuse("Get", "org.freedesktop.DBus.Error.UnknownObject")
    manager.answer("Get", "v", ("s", "ours.slice"))
    manager.answer("ResetFailedUnit")
    manager.state("active")
    manager.answer("GetUnitProcesses", "a(sus)", [("/x", 1, "sleep")])
    manager.answer("Get", "v", ("s", "ours.slice"))
    manager.answer("ResetFailedUnit")
    manager.state("active")
    assert manager.answer("GetUnitProcesses", "a(sus)", []) == ("pycontainerd-empty.scope",)
    assert manager.answer("StopUnit", "o", JOB) == ("pycontainerd-empty.scope", "replace")
    assert not manager.exchange.ended
    manager.signal("UnitRemoved", "so", "pycontainerd-empty.scope", "/unit/empty")
    assert manager.exchange.ended


def test_a_change_replaces_the_list_of_devices() -> None:
    rules = Property("DeviceAllow", "a(ss)", [("/dev/char/1:3", "r")])
    manager = Manager(steps.change(SCOPE, [LIMIT, rules]))
    name, runtime, properties = manager.answer("SetUnitProperties")
    assert (name, runtime) == (SCOPE, True)
    assert properties == [
        ("DeviceAllow", ("a(ss)", [])),
        ("TasksMax", ("t", 5)),
        ("DeviceAllow", ("a(ss)", [("/dev/char/1:3", "r")])),
    ]
    manager.exchange.result()


def test_a_change_that_is_lost_may_be_tried_again() -> None:
    manager = Manager(steps.change(SCOPE, [LIMIT]))
    manager.conversation.lost(ConnectionLost("gone"))
    with pytest.raises(Unavailable, match="gone"):
        manager.exchange.result()


def test_values_are_read_as_they_are() -> None:
    manager = Manager(steps.values(SCOPE, [LIMIT, Property("Unknown", "t", 1)]))
    manager.answer("GetUnit", "o", UNIT)
    manager.answer("GetAll", "a{sv}", {"TasksMax": ("t", 77), "Other": ("s", "x")})
    assert [(one.name, one.value) for one in manager.exchange.result()] == [("TasksMax", 77)]


def test_a_job_that_begins_is_told() -> None:
    begun: list[JobBegun] = []
    manager = Manager(steps.change(SCOPE, [LIMIT]), on_job=begun.append)
    manager.signal("JobNew", "uos", 9, JOB, SCOPE)
    assert begun == [JobBegun(9, SCOPE)]


def test_a_greeting_on_the_bus_and_on_the_manager_s_own_socket() -> None:
    on_bus = Manager(greeting(bus=True))
    on_bus.answer("Hello", "s", ":1.5")
    on_bus.answer("AddMatch")
    on_bus.answer("AddMatch")
    own = Manager(greeting(bus=False))
    for manager in (on_bus, own):
        manager.answer("Subscribe")
        manager.answer("Get", "v", ("s", "252.39-1~deb12u1"))
        manager.answer("Get", "v", ("s", "/init.scope/"))
        assert manager.exchange.result() == Greeted(252, "/init.scope")


@pytest.mark.parametrize(
    ("text", "version"), [("252.39-1~deb12u1", 252), ("v257", 257), ("260~rc1", 260), ("", 0), ("x", 0)]
)
def test_a_version(text: str, version: int) -> None:
    assert parse_version(text) == version


def test_steps_that_are_abandoned_get_no_answer_any_more() -> None:
    manager = starting()
    call = manager.heard("StartTransientUnit")
    manager.exchange.abandon(BusError("late", "late"))
    manager.conversation.received(new_method_return(call, "o", (JOB,)).serialise(5))
    with pytest.raises(BusError):
        manager.exchange.result()
