"""SECURITY R22, as a lint: what waits goes by a clock that nobody sets.

The wall clock is read in the places below alone, each of which says what for. Who adds one says so here; a deadline or a
duration is none of them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import containerd_py

_PACKAGE = Path(next(iter(containerd_py.__path__)))
_READERS = {
    *("time.time", "time.time_ns", "time.ctime", "time.CLOCK_REALTIME", "time.CLOCK_REALTIME_COARSE", "time.CLOCK_TAI"),
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
}
"""CLOCK_TAI goes with the wall clock when that is set."""
_FORMATTERS = {"time.gmtime", "time.localtime", "time.strftime", "time.asctime"}
"""They read it where they are given no time."""

_TOLD, _NAME, _AGE = "a moment that is told", "a name that sorts by time", "an age that is shown"
_CALLERS = "a bound that the caller gives as a moment"
_ALLOWED = {
    "cli/commands/execs.py": {"_write_execs": _AGE},
    "cli/commands/measure.py": {"_show_processes": _AGE, "_watch": _AGE},
    "cli/commands/operations.py": {"_write_operations": _AGE},
    "cli/commands/show.py": {"_write_containers": _AGE},
    "cli/oci/log.py": {"_write": _TOLD},
    "cli/times.py": {"moment": _CALLERS},
    "cli/words.py": {"container_row": _AGE},
    "client/resuming.py": {"events": _CALLERS},
    "engine/clock.py": {"now": "beside the clock that counts"},
    "engine/creation.py": {"_record": _TOLD},
    "engine/declaring.py": {"_reconcile": _TOLD},
    "engine/events.py": {"publish": _TOLD, "_gap": _TOLD},
    "engine/exec_lifecycle.py": {"_recorded": _TOLD, "_fail": _TOLD},
    "engine/following.py": {"_grown": _CALLERS},
    "engine/health/verdict.py": {"starting": _TOLD, "_changed": _TOLD},
    "engine/health/watching.py": {"_look": _TOLD},
    "engine/lifecycle.py": {"exit_record": _TOLD},
    "engine/measuring.py": {"measure": _TOLD},
    "engine/notify/messages.py": {"read": _TOLD},
    "engine/operations.py": {"__init__": _TOLD, "end": _TOLD},
    "engine/output.py": {"_splice": _TOLD},
    "engine/processes.py": {"_read": "when the machine was started, for a moment that is told"},
    "engine/removed.py": {
        "_record": _TOLD,
        "restore": "what is kept outlives boots, which no other clock does; never for longer than what is kept anew",
    },
    "engine/selection.py": {"left_s": _CALLERS},
    "engine/self_measuring.py": {"__init__": _TOLD},
    "engine/views.py": {"is_over": _CALLERS},
    "runtime/creation.py": {"_now": _TOLD},
    "store/containers.py": {"_set_aside": _NAME},
    "store/definitions.py": {"_set_aside": _NAME},
    "store/execs.py": {"_set_aside": _NAME},
    "store/removed.py": {"name_for": _NAME},
}
"""By file and function: what for. What is no longer there has to go here too."""


def findings(source: str) -> Iterator[tuple[str, str]]:
    """Yield (function, what reads the wall clock in it); the function is "" in the module itself."""
    yield from _within(ast.parse(source), "")


def _within(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        named = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.Attribute) and ast.unparse(child) in _READERS:
            yield function, ast.unparse(child)
            continue
        if isinstance(child, ast.Call) and _formats_now(child):
            yield function, ast.unparse(child.func)
        if isinstance(child, ast.ImportFrom) and child.module == "time":
            for name in child.names:
                if f"time.{name.name}" in _READERS | _FORMATTERS:
                    yield function, f"from time import {name.name}"
        yield from _within(child, named)


def _formats_now(call: ast.Call) -> bool:
    called = ast.unparse(call.func)
    return called in _FORMATTERS and len(call.args) < (2 if called == "time.strftime" else 1)


def test_the_wall_clock_tells_moments_only() -> None:
    found: dict[str, set[str]] = {}
    for path in _PACKAGE.rglob("*.py"):
        for function, _what in findings(path.read_text()):
            found.setdefault(str(path.relative_to(_PACKAGE)), set()).add(function)
    assert found == {path: set(functions) for path, functions in _ALLOWED.items()}


@pytest.mark.parametrize(
    "source",
    [
        *("time.time() + 5", "datetime.now(UTC) - began", "datetime.datetime.now(zone)", "now = time.time"),
        *("from time import time", "time.clock_gettime(time.CLOCK_REALTIME)", "time.strftime('%s')", "time.gmtime()"),
        *("def f(clock=time.time_ns): pass", "async def f():\n    async with timeout(end - time.time()): pass"),
    ],
)
def test_what_reads_it_is_found(source: str) -> None:
    assert list(findings(source))


@pytest.mark.parametrize(
    "source",
    [
        *("time.monotonic()", "loop.time()", "time.clock_gettime(time.CLOCK_BOOTTIME)", "datetime.fromtimestamp(at, UTC)"),
        *("time.strftime('%s', time.gmtime(second))", "self.time.time"),
    ],
)
def test_what_does_not_is_not(source: str) -> None:
    assert not list(findings(source))
