"""Control files: one write(2) for a value, and what the kernel means by refusing it."""

from __future__ import annotations

import errno
import os

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotFound, NotSupported, Unavailable
from containerd_py.light import contextlib
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from containerd_py.runtime.cgroups.resources import FileValue, Read

NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_GONE = (errno.ENOENT, errno.ENODEV)


def write(path: str, text: str) -> None:
    """Write once: a control file takes each write(2) as a whole value."""
    with Fd(os.open(path, os.O_WRONLY | os.O_CLOEXEC)) as file:
        os.write(file.fileno(), text.encode())


def write_if_there(path: str, text: str) -> bool:
    """Write, and tell whether there was such a file, in a cgroup that is not being removed this moment (ENODEV)."""
    try:
        write(path, text)
    except OSError as problem:
        if problem.errno not in _GONE:
            raise
        return False
    return True


def read(path: str) -> str | None:
    """Return the content, stripped; None where there is no such file, or the cgroup is gone, or it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


def reader(directory: str) -> Read:
    return lambda name: read(f"{directory}/{name}")


def write_all(directory: str, values: Iterable[FileValue]) -> None:
    """Write values in order; those that wait for others are tried again as long as that leads any further.

    Raises what `refusal` makes of the first one that stays refused.
    """
    pending = tuple(values)
    while pending:
        refused = [(value, problem) for value in pending if (problem := _written(directory, value))]
        if len(refused) == len(pending):
            raise refusal(directory, *refused[0]) from refused[0][1]
        pending = tuple(value for value, _problem in refused)


def _written(directory: str, value: FileValue) -> OSError | None:
    """Write one value; return the problem where it may wait for others."""
    try:
        write(f"{directory}/{value.name}", value.text)
    except FileNotFoundError as problem:
        if not value.optional or not os.path.isdir(directory):
            raise refusal(directory, value, problem) from problem
    except OSError as problem:
        if value.waits and problem.errno == errno.EINVAL:
            return problem
        raise refusal(directory, value, problem) from problem
    if value.kept:
        _check_kept(directory, value)
    return None


def _check_kept(directory: str, value: FileValue) -> None:
    found = read(f"{directory}/{value.name}")
    if found != value.text:
        raise NotSupported(f"cannot set {value.name} to {value.text!r}: this kernel makes {found!r} of it", step="cgroup")


def refusal(directory: str, value: FileValue, problem: OSError) -> ContainerdError:
    """Return what a refused write means to the caller. The file is there, or there is none for this kernel."""
    told = f"cannot set {value.name} to {value.text!r}"
    number = problem.errno or 0
    if number in _GONE and not os.path.isdir(directory):
        return NotFound(f"{told}: the cgroup is gone ({directory})", step="cgroup", errno=number)
    if number == errno.ENOENT and value.place:
        cause = f"this kernel has no such control file ({value.place})"
        return NotSupported(f"{told}: {cause}", step="cgroup", errno=number, hint=_named_sizes(directory, value.name))
    if number == errno.ENOENT:
        controller = value.name.split(".")[0]
        cause = f"the {controller} controller of this kernel has no such control file"
        return NotSupported(f"{told}: {cause}", step="cgroup", errno=number)
    kind = _KINDS.get(number, Unavailable)
    hint = PERMISSION if number in NOT_WRITABLE else _HINTS.get((value.name, number)) or _HINTS.get(("", number))
    return kind(f"{told}: {os.strerror(number)}", step="cgroup", errno=number, hint=hint)


def _named_sizes(directory: str, name: str) -> str | None:
    """Say which files there are beside one that is named after something: "hugetlb.<size>.max" of each page size."""
    controller, _size, rest = name.split(".", 2)
    with contextlib.suppress(OSError):
        there = sorted(file for file in os.listdir(directory) if file.startswith(f"{controller}.") and file.endswith(rest))
        sizes = [size for file in there if "." not in (size := file[len(controller) + 1 : -len(rest) - 1])]
        return f"it has {', '.join(sizes)}" if sizes else None
    return None


_KINDS: dict[int, type[ContainerdError]] = {
    errno.EINVAL: InvalidArgument,
    errno.ERANGE: InvalidArgument,
    errno.E2BIG: InvalidArgument,
    errno.EOVERFLOW: InvalidArgument,
    errno.ENODEV: InvalidArgument,
    errno.ENXIO: InvalidArgument,
    errno.EOPNOTSUPP: NotSupported,
    errno.EBUSY: Conflict,
}
PERMISSION = "the cgroup file system is not writable for us: run as root, or with a delegated cgroup"
_HINTS = {
    (
        "cpu.rt_runtime_us",
        errno.EINVAL,
    ): "the parent cgroup has too little realtime time: raise cpu.rt_runtime_us there first",
    ("memory.limit_in_bytes", errno.EBUSY): "more memory is in use than the kernel could take back",
    ("memory.memsw.limit_in_bytes", errno.EBUSY): "more memory and swap are in use than the kernel could take back",
    ("", errno.EINVAL): "the value is out of range, or beyond what the parent cgroup allows",
    ("", errno.ENODEV): "there is no such device or interface",
    ("", errno.ENXIO): "there is no such device",
}
