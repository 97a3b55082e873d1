"""Properties of scopes by annotations: `org.systemd.property.NAME`, as runc has them."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from containerd_py.errors import ContainerdError
from containerd_py.wire import ContainerSpec
from tests.systemd.manager import removed, shown, started
from tests.systemd.runtime import Bundle, nothing_left

_NUMBERS = itertools.count()
_IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
_P = "org.systemd.property."


@pytest.fixture
def box(root: Path) -> Iterator[Bundle]:
    number = next(_NUMBERS)
    folder = Path("/scratch", f"annotated{number}")
    folder.mkdir()
    bundle = Bundle(folder, root, f"annotated{number}")
    with nothing_left(f"*annotated{number}*"):
        yield bundle
        bundle.delete()


def configure(box: Bundle, annotations: dict[str, str]) -> None:
    box.configure("/bin/sh", "-c", _IDLE, annotations={f"{_P}{name}": text for name, text in annotations.items()})


def test_pyrunc_sets_them(box: Bundle) -> None:
    wanted = {
        "TimeoutStopSec": "7",
        "RuntimeMaxUSec": "uint64 3600000000",
        "SendSIGHUP": "true",
        "After": "['dbus.service']",
        "IPAddressDeny": "[(2, [byte 10, 0, 0, 0], uint32 8)]",
        "CPUWeight": "uint64 42",
    }
    configure(box, wanted)
    box.start().checked()
    assert (shown("TimeoutStopUSec", box.scope), shown("RuntimeMaxUSec", box.scope)) == ("7s", "1h")
    assert (shown("SendSIGHUP", box.scope), shown("IPAddressDeny", box.scope)) == ("yes", "10.0.0.0/8")
    assert "dbus.service" in shown("After", box.scope).split()
    assert shown("CPUWeight", box.scope) == "42"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("CollectMode", "inactive", "is no GVariant text"),
        ("CollectMode", "'often'", "Invalid CollectMode setting: often"),
        ("CollectMode", "uint64 5", "cannot start scope"),
        ("NoSuchThing", "true", "this systemd has no property NoSuchThing"),
        ("ManagedOOMSwap", "'x'", "cannot start scope"),
        ("Slice", "'x.slice'", "follows from the container"),
    ],
)
def test_what_cannot_be_set_is_named_and_nothing_is_left(box: Bundle, name: str, text: str, words: str) -> None:
    configure(box, {name: text})
    done = box.start()
    assert done.code == 1
    assert words in done.output
    assert f"annotations.{_P}{name}" in done.output


def test_the_daemon_sets_what_is_harmless(root: Path) -> None:
    annotations = {f"{_P}TimeoutStopSec": "33", f"{_P}KillSignal": "2", f"{_P}CollectMode": "'inactive'"}
    container = started(root, _IDLE, annotations=annotations)
    scope = f"pycontainerd-{container}.scope"
    assert (shown("TimeoutStopUSec", scope), shown("KillSignal", scope), shown("CollectMode", scope)) == (
        "33s",
        "2",
        "inactive",
    )
    removed(container)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("Delegate", "false", "not_supported"),
        ("OnFailure", "['poweroff.target']", "not_supported"),
        ("KillSignal", "2 3", "invalid_argument"),
        ("KillSignal", "'x'", "invalid_argument"),
        ("KillSignal", "999", "invalid_argument"),
    ],
)
def test_the_daemon_refuses_others_by_their_path(root: Path, name: str, text: str, kind: str) -> None:
    spec = ContainerSpec(rootfs=str(root), args=("/bin/true",), annotations={f"{_P}{name}": text})
    with SyncClient() as client, pytest.raises(ContainerdError) as problem:
        client.create(spec)
    assert problem.value.kind == kind
    assert f"annotations.{_P}{name}" in problem.value.message
