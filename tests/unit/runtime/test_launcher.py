"""What it means that no worker could be forked, or that one does not end."""

import errno
import os

import pytest

from containerd_py.errors import ContainerdError, DeadlineExceeded, Forbidden, InvalidArgument, Unavailable
from containerd_py.runtime import launcher
from containerd_py.runtime.launcher import ProcessHandle, refusal
from containerd_py.runtime.linux.fd import Fd


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.EAGAIN, Unavailable, "out of processes or memory"),
        (errno.ENOMEM, Unavailable, "out of processes or memory"),
        (errno.ERANGE, InvalidArgument, ""),
        (errno.EACCES, Forbidden, "systemd-run --user --scope"),
        (None, Unavailable, ""),
    ],
)
def test_a_refusal_says_what_to_do(number: int | None, kind: type[ContainerdError], hint: str) -> None:
    problem = refusal(number, "the kernel's word")
    assert type(problem) is kind
    assert "the kernel's word" in problem.message
    assert hint in (problem.hint or "")


class _Stuck(ProcessHandle):
    """One in the kernel, which takes no notice of signals."""

    def signal(self, number: int) -> None:
        """Nothing comes of it."""


def test_the_end_of_a_process_that_stays_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_KILL_S", 0.05)
    read, write = map(Fd, os.pipe())
    with read, write, pytest.raises(DeadlineExceeded, match="ago and stays"):
        _Stuck(1, read).end()
