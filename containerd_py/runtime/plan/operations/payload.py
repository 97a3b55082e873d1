"""Streams, working directory, and becoming the payload."""

from __future__ import annotations

from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.plan.operations.base import Operation, cut

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass(frozen=True)
class OpenConsole(Operation):
    """Open a pseudo-terminal of the container's own devpts, bind it on /dev/console, hand its master out."""

    step: ClassVar[str] = "console"
    rows: int
    columns: int
    uid: int

    def describe(self) -> str:
        return "open a terminal on the container's devpts and bind it on /dev/console"


@dataclass(frozen=True)
class EnterRoot(Operation):
    """Take the root of the mount namespace that the worker was born in as the container's."""

    step: ClassVar[str] = "rootfs"

    def describe(self) -> str:
        return "open the container's root"


@dataclass(frozen=True)
class AttachStdio(Operation):
    """Put the passed handles (or the console) on descriptors 0, 1, 2, owned by the payload's user."""

    step: ClassVar[str] = "stdio"
    terminal: bool
    uid: int
    gid: int

    def describe(self) -> str:
        return f"attach the {'terminal' if self.terminal else 'pipes'} to stdin, stdout and stderr"


@dataclass(frozen=True)
class ChangeDirectory(Operation):
    """first: with the worker's rights; where they do not suffice (FUSE, NFS) another one follows, with the user's own."""

    step: ClassVar[str] = "cwd"
    path: str
    first: bool = False

    def describe(self) -> str:
        return f"change to directory {cut(self.path)}" + (", as far as we may" if self.first else "")


@dataclass(frozen=True)
class RunHooks(Operation):
    """Run programs with the container's state on their standard input (config.md, "POSIX-platform Hooks").

    moment: "createContainer" (paths are the host's) or "startContainer"; status: what the state says; each hook is its
    path, arguments, environment, and seconds until it is killed (None: never). inherits: the environment is the payload's,
    with the HOME that was found for it.
    """

    step: ClassVar[str] = "hooks"
    moment: str
    status: str
    hooks: tuple[tuple[str, tuple[str, ...], tuple[str, ...], int | None], ...]
    inherits: bool = False

    def describe(self) -> str:
        what = "hook" if len(self.hooks) == 1 else "hooks"
        return f"run {self.moment} {what} {cut(', '.join(path for path, *_rest in self.hooks))}"


@dataclass(frozen=True)
class FindHome(Operation):
    """Look the user's home directory up in the container's /etc/passwd, for a HOME that nobody has set."""

    step: ClassVar[str] = "home"
    uid: int

    def describe(self) -> str:
        return f"find the home directory of user {self.uid}"


@dataclass(frozen=True)
class FindProgram(Operation):
    """Look the program up as execvp would, with the payload's rights; the result is what `Exec` runs."""

    step: ClassVar[str] = "exec"
    name: str
    search: tuple[str, ...]

    def describe(self) -> str:
        return f"find program {cut(self.name)}" + ("" if "/" in self.name else f" in {cut(':'.join(self.search))}")


@dataclass(frozen=True)
class AwaitStart(Operation):
    """Everything before happens at create, everything after at start.

    rendezvous: whoever starts the container connects to the listening socket that was passed as handle "start"; else the
    parent says it on the control socket.
    """

    step: ClassVar[str] = "start"
    rendezvous: bool = False

    def describe(self) -> str:
        return "wait for start"


@dataclass(frozen=True)
class CloseOnExec(Operation):
    """Let no descriptor outlive exec. Before any filter, which may know no close_range(2): profiles are older than it."""

    step: ClassVar[str] = "exec"

    def describe(self) -> str:
        return "close descriptors on exec"


@dataclass(frozen=True)
class ResetSignals(Operation):
    """Give signals their default actions, and block none: Python ignores some, and exec would keep that.

    Before any filter, which may allow no rt_sigaction(2): a program can do without.
    """

    step: ClassVar[str] = "exec"

    def describe(self) -> str:
        return "reset signals"


@dataclass(frozen=True)
class ForkPayload(Operation):
    """Stay as the container's first process, which reaps and passes signals on, and go on as its child.

    terminal: the child's process group becomes the foreground one.
    """

    step: ClassVar[str] = "init"
    terminal: bool

    def describe(self) -> str:
        return "stay as the first process, and fork the payload"


@dataclass(frozen=True)
class Exec(Operation):
    """preserved: up to how many handles "fd0" ... the payload gets as its descriptors from 3 on; some may be left out.

    descriptors: soft and hard RLIMIT_NOFILE, where they are too low for the worker itself.
    """

    step: ClassVar[str] = "exec"
    arguments: tuple[str, ...]
    environment: tuple[str, ...]
    preserved: int = 0
    descriptors: tuple[int, int] | None = None

    def describe(self) -> str:
        return f"execute {cut(' '.join(self.arguments))}"
