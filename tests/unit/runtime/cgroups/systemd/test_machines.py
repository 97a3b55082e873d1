"""What machined is asked: never for a second machine of one unit, since it stops the unit then."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from containerd_py.errors import Unavailable
from containerd_py.runtime.cgroups.systemd.conversation import BusError, Call, ConnectionLost, Steps
from containerd_py.runtime.cgroups.systemd.machines import Machine, machine_of, register, unregister

ID = "0123456789abcdef0123456789abcdef"


@dataclass
class Machined:
    """machines: the leader by name; unit_of: the machine that has a process's unit, by pid."""

    machines: dict[str, int] = field(default_factory=dict)
    unit_of: dict[int, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)

    def ask(self, wanted: Steps[Any]) -> Any:
        answer: Any = None
        problem: Exception | None = None
        while True:
            try:
                step = wanted.send(answer) if problem is None else wanted.throw(problem)
            except StopIteration as end:
                return end.value
            assert isinstance(step, Call)
            assert step.destination == "org.freedesktop.machine1"
            answer, problem = None, None
            try:
                answer = self._answer(step)
            except (BusError, ConnectionLost) as error:
                problem = error

    def _answer(self, call: Call) -> tuple[Any, ...]:
        self.asked.append(call.member)
        if call.member in self.broken:
            raise self.broken[call.member]
        match call.member, call.body:
            case "GetMachineByPID", (pid,):
                if pid not in self.unit_of:
                    raise BusError("org.freedesktop.machine1.NoMachineForPID", "none")
                return (f"/{self.unit_of[pid]}",)
            case "GetMachine", (name,):
                if name not in self.machines:
                    raise BusError("org.freedesktop.machine1.NoSuchMachine", f"No machine {name!r} known")
                return (f"/{name}",)
            case "Get", (_interface, "Name"):
                return (("s", call.path[1:]),)
            case "Get", (_interface, "Leader"):
                return (("u", self.machines[call.path[1:]]),)
            case "RegisterMachine", (name, _id, "pycontainerd", "container", leader, _root):
                return self._register(name, leader)
            case "UnregisterMachine", (name,):
                del self.machines[name]
                self.unit_of = {pid: one for pid, one in self.unit_of.items() if one != name}
                return ()
        raise AssertionError(call)

    def _register(self, name: str, leader: int) -> tuple[Any, ...]:
        assert leader not in self.unit_of, "machined stops the unit"
        if name in self.machines:
            raise BusError("org.freedesktop.machine1.MachineExists", f"Machine {name!r} already exists")
        self.machines[name], self.unit_of[leader] = leader, name
        return (f"/{name}",)


def web(leader: int = 7) -> Machine:
    return machine_of(ID, "web", leader, "/srv/web")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("web", ("web", ID)),
        ("a.b-c9", ("a.b-c9", ID)),
        ("x" * 64, ("x" * 64, ID)),
        ("x" * 65, (ID,)),
        ("under_score", (ID,)),
        ("-a", (ID,)),
        ("a-", (ID,)),
        ("a..b", (ID,)),
        ("a.", (ID,)),
        ("a\n", (ID,)),
        ("größe", (ID,)),
    ],
)
def test_a_name_is_one_of_a_host(name: str, names: tuple[str, ...]) -> None:
    found = machine_of(ID, name, 7, "/srv").names
    assert found[: len(names)] == names
    assert found[-1].startswith("pycontainerd-")
    assert len(found) == len(names) + 1


def test_an_id_of_ours_is_the_machine_s() -> None:
    assert web().id.hex() == ID
    other = machine_of("my_id", "web", 7, "relative")
    assert (len(other.id), other.root) == (16, "")
    assert other.names == ("web", f"pycontainerd-{other.id.hex()}")


def test_it_is_registered_once() -> None:
    machined = Machined()
    assert machined.ask(register(web())) == "web"
    assert machined.ask(register(web())) == "web"
    assert machined.asked.count("RegisterMachine") == 1


def test_a_new_name_of_a_container_is_no_new_machine() -> None:
    machined = Machined()
    machined.ask(register(web()))
    assert machined.ask(register(machine_of(ID, "renamed", 7, "/srv/web"))) == "web"


def test_a_name_that_is_taken() -> None:
    machined = Machined({"web": 99})
    assert machined.ask(register(web())) == ID
    assert machined.machines == {"web": 99, ID: 7}


def test_all_names_are_taken() -> None:
    machined = Machined(dict.fromkeys(web().names, 99))
    with pytest.raises(Unavailable, match=r"cannot register machine 'web': .*already exists"):
        machined.ask(register(web()))


def test_a_machine_of_the_run_before_goes_first() -> None:
    machined = Machined({"web": 6}, {6: "web", 7: "web"})
    assert machined.ask(register(web())) == "web"
    assert machined.asked.index("UnregisterMachine") < machined.asked.index("RegisterMachine")
    assert machined.machines == {"web": 7}


def test_what_cannot_be_asked_is_not_tried() -> None:
    machined = Machined(broken={"GetMachineByPID": BusError("org.freedesktop.DBus.Error.Failed", "no")})
    with pytest.raises(Unavailable, match="cannot register machine 'web': no"):
        machined.ask(register(web()))
    assert "RegisterMachine" not in machined.asked


def test_nobody_there() -> None:
    with pytest.raises(ConnectionLost):
        Machined(broken={"GetMachineByPID": ConnectionLost("not provided by any .service files")}).ask(register(web()))


def test_it_is_unregistered_where_it_is_still_the_same() -> None:
    machined = Machined({"web": 7, "other": 8})
    machined.ask(unregister("web", 7))
    machined.ask(unregister("other", 7))
    machined.ask(unregister("gone", 7))
    assert machined.machines == {"other": 8}


def test_machined_that_is_gone_ends_nothing() -> None:
    Machined(broken={"GetMachine": ConnectionLost("gone")}).ask(unregister("web", 7))
