"""Errors carry what their receiver needs."""

import errno

from containerd_py.errors import ContainerdError, NotFound, errno_name


def test_an_error_keeps_its_parts() -> None:
    problem = NotFound("cannot start container 'web': no such container", step="find", errno=errno.ENOENT, hint="list them")
    assert (problem.kind, problem.step, problem.errno, problem.hint) == (
        "not_found",
        "find",
        "ENOENT",
        "list them",
    )
    assert str(problem) == problem.message == "cannot start container 'web': no such container"


def test_unknown_error_numbers_stay_readable() -> None:
    assert errno_name(99_999) == "99999"
    assert errno_name(None) is None
    assert errno_name("EIO") == "EIO"


def test_every_kind_is_its_own() -> None:
    kinds = [error.kind for error in ContainerdError.__subclasses__()]
    assert len(kinds) == len(set(kinds)) == 9
