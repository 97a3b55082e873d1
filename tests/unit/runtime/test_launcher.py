"""What it means that no worker could be forked."""

import errno

import pytest

from containerd_py.errors import ContainerdError, Forbidden, InvalidArgument, Unavailable
from containerd_py.runtime.launcher import refusal


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
