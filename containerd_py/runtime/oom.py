"""The choice of the kernel's out-of-memory killer, set for a worker in a user namespace by its parent."""

from __future__ import annotations

import os

from containerd_py.light.contextlib import suppress
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import pidfd_send_signal
from containerd_py.runtime.plan.operations import SetOomScoreAdj

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.plan.plan import Plan


def oom_score_adj(plan: Plan) -> int | None:
    """Return what the plan sets, None where it sets nothing."""
    return next((step.value for step in plan.operations if isinstance(step, SetOomScoreAdj)), None)


def set_oom_score_adj(plan: Plan, pid: int, pidfd: int) -> None:
    """Set what the plan sets, for the worker `pid` behind `pidfd`, where the caller may (proc(5)).

    To lower it, CAP_SYS_RESOURCE in the first user namespace is needed, which a worker in another one has never. Where
    the caller may not either, the worker tries, and tells. Raises ProcessLookupError, FileNotFoundError: it is gone.
    """
    value = oom_score_adj(plan)
    if value is None:
        return
    with Fd(os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)) as directory:
        pidfd_send_signal(pidfd, 0)  # so it is the one behind the pidfd whose directory that is
        with (
            suppress(PermissionError),
            Fd(os.open("oom_score_adj", os.O_WRONLY | os.O_CLOEXEC, dir_fd=directory.fileno())) as file,
        ):
            os.write(file.fileno(), str(value).encode())
