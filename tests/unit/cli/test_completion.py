"""The dialogue with the shells: what is asked of the daemon, what comes back, and what is not imported for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from containerd_py.cli.completion import daemon as asking
from containerd_py.cli.completion import values as offered
from containerd_py.cli.completion.scripts import SCRIPTS
from containerd_py.wire import EVENT_TYPES

ONE = {"id": "0123456789abcdef", "name": "web", "status": "running", "labels": {"tier": "front", "line\nend": "x"}}
OTHER = ONE | {"id": "fedcba9876543210", "name": "db", "status": "stopped", "labels": {"tier": "back"}}


def asked(pyctr: Any, daemon: Any, *words: str, kind: str = "__complete") -> list[str]:
    """As the scripts ask: the socket is the environment's."""
    del pyctr
    environment = os.environ | {"PYCONTAINERD_SOCKET": daemon.socket_path}
    command = [sys.executable, "-W", "error", "-m", "containerd_py.cli.main", kind, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (("inspect", "w"), ["web\trunning", ":none"]),
        (("start", ""), ["db\tstopped", ":none"]),
        (("rm", "db", ""), ["web\trunning", ":none"]),
        (("diff", "d"), ["db\tstopped", ":none"]),
        (("cp", "w"), ["web:\trunning", ":none"]),
        (("cp", "web:/etc", "d"), ["db:\tstopped", ":none"]),
        (("cp", "web:/"), [":none"]),
        (("cp", "x", "web:/e"), [":none"]),
        (("cp", "./a:b"), [":files"]),
        (("ps", "--filter", "health=h"), ["health=healthy\t", ":none"]),
        (("cp", "./"), [":files"]),
        (("cp", "x"), [":files"]),
        (("rm", "0123"), ["0123456789abcdef\tweb", ":none"]),
        (("ps", "--filter", "label=t"), ["label=tier\ta label", ":none"]),
        (("ps", "--filter", "label=tier=f"), ["label=tier=front\t", ":none"]),
        (("ps", "--filter", "status=ex"), ["status=exited\t", ":none"]),
        (("events", "--filter", "container=d"), ["container=db\tstopped", ":none"]),
        (("kill", "-s", "SIGW"), ["SIGWINCH\t", ":none"]),
        (("run", "--restart", "on-failure:"), ["on-failure:3\t", ":none"]),
        (("run", "--network", "h"), ["host\t", ":none"]),
        (("completion", "z"), ["zsh\t", ":none"]),
        (("run", "--rootfs", "/"), [":files"]),
        (("nonsense", ""), None),
    ],
)
def test_what_may_come(daemon: Any, pyctr: Any, words: tuple[str, ...], values: list[str] | None) -> None:
    daemon.replies("GET /v1/containers", {"containers": [ONE, OTHER]})
    told = asked(pyctr, daemon, *words)
    assert told[-1] in (":none", ":files")
    if values is not None:
        assert told == values


def test_bash_gives_its_line(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers", {"containers": [ONE, OTHER]})
    for line, values in (
        ("pyctr ps --filter label=tie", ["label=tier\ta label", ":none"]),
        ("pyctr inspect 'we", ["web\trunning", ":none"]),
        ("pyctr inspect web ", ["db\tstopped", ":none"]),
        ("pyctr", []),
    ):
        told = asked(pyctr, daemon, line, kind="__complete_line")
        assert not values or told == values, line


@pytest.mark.parametrize("answer", [b"no json", b"[]", b"{}", b'{"containers": 3}', b'{"containers": [{}]}'])
def test_an_answer_that_is_none(daemon: Any, pyctr: Any, answer: bytes) -> None:
    daemon.replies("GET /v1/containers", answer)
    assert asked(pyctr, daemon, "ps", "--filter", "label=") == [":files"]


def test_no_daemon_and_one_that_hangs(daemon: Any, pyctr: Any) -> None:
    daemon.hangs("GET /v1/containers")
    before = time.monotonic()
    assert asked(pyctr, daemon, "inspect", "") == [":files"]
    assert time.monotonic() - before < 20  # not the thirty seconds of the test
    assert daemon.hanging.is_set()
    daemon.socket_path += ".none"
    assert asked(pyctr, daemon, "inspect", "") == [":files"]


def test_all_questions_together_get_one_deadline(daemon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An earlier question may have used up the time of the later ones."""
    monkeypatch.setenv(asking.SOCKET_VARIABLE, daemon.socket_path)
    monkeypatch.setattr(asking, "_PATIENCE_S", 0.0)

    class Context:
        def find_root(self) -> Any:
            return self

        params: dict[str, str] = {}  # noqa: RUF012 - a stand-in

    context: Any = Context()
    assert asking.Asked(context).containers() == []
    assert daemon.heard == []


def test_what_is_asked_with_every_tab_is_quickly_imported() -> None:
    """Where this fails: import the client, the models and rich inside of the function that needs them."""
    code = "import sys, containerd_py.cli.main, containerd_py.cli.completion.protocol; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    heavy = {"aiohttp", "pydantic", "asyncio", "rich", "jsonschema", "structlog"}
    assert heavy & set(done.stdout.split()) == set()


def test_every_type_of_event_is_completed() -> None:
    assert {name if "." in name else f"container.{name}" for name in offered._EVENTS} == set(EVENT_TYPES)


def test_scripts_are_printed(pyctr: Any) -> None:
    for shell, script in SCRIPTS.items():
        assert pyctr("completion", shell).text == script
    assert pyctr("completion", "csh").code == 2
