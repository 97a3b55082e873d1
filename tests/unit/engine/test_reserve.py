"""Descriptors that are kept: they are given away for as long as they are wanted."""

import os
import resource
from collections.abc import Iterator

import pytest

from containerd_py.engine.reserve import Reserve


@pytest.fixture
def reserve() -> Iterator[Reserve]:
    made = Reserve()
    made.fill()
    yield made
    made.close()


@pytest.fixture
def no_descriptors(reserve: Reserve) -> Iterator[None]:
    """There is none below the limit but those in the reserve."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
    taken: list[int] = []
    with pytest.raises(OSError, match="Too many open files"):
        take_all(taken)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for number in taken:
        os.close(number)


def take_all(taken: list[int]) -> None:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))


def opened() -> str:
    with open("/dev/null") as file:
        return file.read()


@pytest.mark.usefixtures("no_descriptors")
def test_what_must_go_on_does_so_again_and_again(reserve: Reserve) -> None:
    for _ in range(3):
        with pytest.raises(OSError, match="Too many open files"):
            opened()
        assert reserve.retry(opened) == ""


def test_other_errors_are_the_caller_s(reserve: Reserve) -> None:
    with pytest.raises(FileNotFoundError):
        reserve.retry(lambda: os.stat("/nowhere"))


@pytest.mark.usefixtures("no_descriptors")
def test_one_that_was_never_filled_has_nothing_to_give() -> None:
    with pytest.raises(OSError, match="Too many open files"):
        Reserve().retry(opened)
