"""The process: its terminal, identity, filter, and what it executes."""

from __future__ import annotations

from containerd_py.light.functools import lru_cache
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.spec.process import CAPABILITIES, Capabilities, Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.seccomp.kept import SeccompFilter

_DEFAULT_SEARCH = ("/bin", "/usr/bin")  # execvp(3) without PATH
_DEFAULT_UMASK = 0o022


def console_steps(process: Process) -> Iterator[Operation]:
    if process.terminal:
        size = process.console_size
        rows, columns = (size.height, size.width) if size else (0, 0)
        yield op.OpenConsole(rows, columns, process.user.uid, origin="process.terminal")


def confining_steps(seccomp: SeccompFilter | None) -> Iterator[Operation]:
    """The last that changes the process itself; what follows, its filter has to allow."""
    yield op.ResetSignals()
    if seccomp is not None:
        yield op.LoadSeccomp(seccomp.program, seccomp.flags, seccomp.silences, origin="linux.seccomp")


def directory_steps(process: Process) -> Iterator[Operation]:
    """Enter the working directory, before any filter, which may allow no getcwd(2).

    Before becoming the user too, as in runc: images are common whose user may not enter it.
    """
    yield op.ChangeDirectory(process.cwd, first=process.user.uid != 0, origin="process.cwd")


def identity_steps(process: Process, *, setgroups: bool = True) -> Iterator[Operation]:
    """Become the user. setgroups: False where the user namespace denies it.

    Then enter the working directory, where only the user may.
    """
    user, sets = process.user, process.capabilities
    if sets is not None:
        yield op.LimitBounding(capability_mask(sets.bounding), origin="process.capabilities.bounding")
    umask = _DEFAULT_UMASK if user.umask is None else user.umask
    yield op.SetIdentity(user.uid, user.gid, user.additional_gids, umask, setgroups, origin="process.user")
    if sets is not None:
        yield _capabilities(sets)
    if user.uid != 0:
        yield op.ChangeDirectory(process.cwd, origin="process.cwd")


def _capabilities(sets: Capabilities) -> Operation:
    permitted, inheritable = capability_mask(sets.permitted), capability_mask(sets.inheritable)
    # The kernel takes no ambient capability beyond these (capabilities(7)); documents of runc ask for more.
    ambient = capability_mask(sets.ambient) & permitted & inheritable
    return op.SetCapabilities(
        capability_mask(sets.effective), permitted, inheritable, ambient, origin="process.capabilities"
    )


@lru_cache(maxsize=64)  # the same few sets, five times for each container
def capability_mask(names: tuple[str, ...]) -> int:
    """Return the bit mask of capabilities by their names."""
    return sum(1 << CAPABILITIES.index(name) for name in set(names))


def environment(process: Process) -> tuple[str, ...]:
    """Each name once, where it stands last; no empty HOME, in whose place the user's is found (as runc since 1.3)."""
    last = {entry.partition("=")[0]: index for index, entry in enumerate(process.env)}
    return tuple(process.env[index] for index in sorted(last.values()) if process.env[index] != "HOME=")


def home_steps(process: Process) -> Iterator[Operation]:
    if not any(entry.startswith("HOME=") for entry in environment(process)):
        yield op.FindHome(process.user.uid, origin="process.user.uid")


def search_path(process: Process) -> tuple[str, ...]:
    paths = [entry.removeprefix("PATH=") for entry in process.env if entry.startswith("PATH=")]
    return tuple(paths[-1].split(":")) if paths else _DEFAULT_SEARCH
