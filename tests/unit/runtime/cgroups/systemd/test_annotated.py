"""Properties by annotation: runc's, and which of them a client of the daemon's may set."""

import pytest

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.systemd.annotated import HARMLESS, PREFIX, check_harmless, check_none, of_annotations
from containerd_py.runtime.cgroups.systemd.conversation import BusError
from containerd_py.runtime.cgroups.systemd.property import Property
from containerd_py.runtime.cgroups.systemd.refusal import refused


def told(name: str, text: str) -> tuple[str, object]:
    (found,) = of_annotations({f"{PREFIX}{name}": text, "other": "uint64"})
    assert found.asked_by.startswith(f"annotations.{PREFIX}")
    return found.name, (found.signature, found.value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("TimeoutStopUSec", "uint64 123456789", ("TimeoutStopUSec", ("t", 123456789))),
        ("TimeoutStopSec", "123", ("TimeoutStopUSec", ("t", 123_000_000))),
        ("TimeoutStopSec", "1.5", ("TimeoutStopUSec", ("t", 1_500_000))),
        ("TimeoutStopSec", "uint64 18446744073709", ("TimeoutStopUSec", ("t", 18446744073709_000_000))),
        ("RuntimeMaxSec", "inf", ("RuntimeMaxUSec", ("t", 2**64 - 1))),
        ("CollectMode", "'inactive-or-failed'", ("CollectMode", ("s", "inactive-or-failed"))),
        ("ABSec", "5", ("ABSec", ("i", 5))),  # as runc: only behind a small letter
        ("After", "['a.service']", ("After", ("as", ["a.service"]))),
    ],
)
def test_a_property(name: str, text: str, expected: object) -> None:
    assert told(name, text) == expected


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("CollectMode", "'" + "x" * 200_000 + "'", "more than 131072 characters"),
        ("", "5", "three at least"),
        ("Ab", "5", "three at least"),
        ("Collect_Mode", "'x'", "letters"),
        ("CollectMode", "inactive", "no GVariant text: 'inactive' is no value"),
        ("CollectMode", "", "it ends too early"),
        ("TimeoutStopSec", "'5'", "no number of seconds"),
        ("TimeoutStopSec", "-1", "no number of seconds"),
        ("TimeoutStopSec", "nan", "no number of seconds"),
        ("TimeoutStopSec", "1e300", "no number of seconds"),
        ("TimeoutStopSec", "true", "no number of seconds"),
        ("Slice", "'x.slice'", "follows from the container"),
        ("PIDs", "@au []", "follows from the container"),
    ],
)
def test_what_is_no_property(name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as problem:
        of_annotations({f"{PREFIX}{name}": text})
    assert problem.value.message.startswith(f"cannot use annotations.{PREFIX}{name}: ")


def test_one_property_twice() -> None:
    both = {f"{PREFIX}TimeoutStopSec": "5", f"{PREFIX}TimeoutStopUSec": "uint64 5"}
    with pytest.raises(InvalidArgument, match="for the same property"):
        of_annotations(both)


def test_a_client_of_the_daemon_sets_what_is_harmless() -> None:
    check_harmless({f"{PREFIX}TimeoutStopSec": "5", f"{PREFIX}CollectMode": "'inactive'", "other": "x"})
    for name in ("Delegate", "OnFailure", "DeviceAllow", "MemoryMax", "Before", "SendSIGKILL", "Conflicts"):
        with pytest.raises(NotSupported, match=rf"cannot set property {name} \(annotations.{PREFIX}{name}\)"):
            check_harmless({f"{PREFIX}{name}": "true"})


def test_the_harmless_ones_can_be_named() -> None:
    for name in HARMLESS:
        of_annotations({f"{PREFIX}{name}": "5"})


def test_where_there_is_no_unit() -> None:
    check_none({"other": "x"})
    with pytest.raises(NotSupported, match=f"annotations.{PREFIX}CollectMode"):
        check_none({f"{PREFIX}CollectMode": "'inactive'"})


def test_what_systemd_refuses_without_a_name() -> None:
    """It tells no more than "Unexpected message contents" of a value of another type."""
    asked = [Property("TasksMax", "t", 5, "linux.resources.pids.limit"), *of_annotations({f"{PREFIX}CollectMode": "5"})]
    problem = refused("start scope 'x'", BusError("System.Error.ENXIO", "Unexpected message contents"), asked)
    assert isinstance(problem, InvalidArgument)
    assert problem.message == f"cannot start scope 'x': Unexpected message contents (annotations.{PREFIX}CollectMode)"
    asked += of_annotations({f"{PREFIX}KillSignal": "'x'"})
    problem = refused("start scope 'x'", BusError("System.Error.ENXIO", "Unexpected message contents"), asked)
    assert f"one of annotations.{PREFIX}CollectMode, annotations.{PREFIX}KillSignal" in problem.message
