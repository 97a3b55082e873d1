"""After every test everything is as before: no child, descriptor, mount, cgroup or task is left.

Where tests run beside each other, each one answers for what is its own process's; the machine is looked at before the
first of them and after the last.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.fuzz.beside import AVAILABLE, Fuzzing
from tests.surroundings import SHARED, changes, of_machine, settling

_BEFORE = pytest.StashKey[frozenset[str]]()
_CHANGES = pytest.StashKey[list[str]]()
_FUZZING, _FUZZED = pytest.StashKey[Fuzzing](), pytest.StashKey[str]()
_CUT_OFF = (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--runtime",
        metavar="PATH",
        help="the OCI runtime for tests/oci, tests/security (default: our pyrunc)",
    )
    parser.addoption("--full", action="store_true", help="every case of tests/faults, every repetition of tests/security")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[Any]) -> Generator[None]:
    """Tests of a group stay in one process under pytest 9.2 too.

    pytest-xdist 3.8 writes the group to the end of a test's id, into a field that this pytest does not read: groups would
    be taken apart without a word, and every process would boot every guest (pytest-xdist issue 1386).
    """
    yield
    for item in items:
        if told := vars(item).get("_nodeid"):
            item._id = type(item._id).parse(told)


def pytest_sessionstart(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        return
    if not SHARED:
        session.config.stash[_BEFORE] = of_machine()
    if AVAILABLE and _is_whole(session.config):
        session.config.stash[_FUZZING] = Fuzzing()
        session.config.stash[_FUZZING].start()


def _is_whole(config: pytest.Config) -> bool:
    """No tests were chosen."""
    chosen = any(config.getoption(name, default=False) for name in ("keyword", "markexpr", "collectonly", "lf"))
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run where fuzzing has found something, or something is left that no test answered for."""
    fuzzing = session.config.stash.get(_FUZZING, None)
    if fuzzing is not None and exitstatus in _CUT_OFF:
        fuzzing.end()
    elif fuzzing is not None:
        fine, session.config.stash[_FUZZED] = fuzzing.outcome()
        if not fine:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    before = session.config.stash.get(_BEFORE, None)
    told = [] if before is None else changes(before, of_machine)
    if told:
        session.config.stash[_CHANGES] = told
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if told := config.stash.get(_FUZZED, None):
        terminalreporter.section("fuzzed beside the tests")
        terminalreporter.write(told)
    if changed := config.stash.get(_CHANGES, None):
        terminalreporter.section("the machine is not as before", red=True, bold=True)
        for line in changed:
            terminalreporter.line(line)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A shell's background job ignores SIGINT, and so would every program that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    with settling():
        yield


@pytest_asyncio.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    yield
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"not settled: tasks left: {left}"
