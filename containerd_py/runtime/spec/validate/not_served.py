"""Parts of the specification that are right, and not served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.runtime.spec.validate.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.models import Spec

NOT_SERVED = (
    *("solaris", "windows", "vm", "zos", "freebsd"),
    *("process.command_line", "process.user.username", "process.apparmor_profile", "process.scheduler"),
    *("process.selinux_label", "process.io_priority", "process.exec_cpu_affinity"),
    *("linux.time_offsets", "linux.net_devices", "linux.intel_rdt"),
    *("linux.memory_policy", "linux.sysctl", "linux.personality"),
    *("linux.seccomp.listener_path", "linux.seccomp.listener_metadata"),
)
"""Parts of the specification that come with later versions; asking for one is an error."""


def not_served_problems(spec: Spec) -> Iterator[Problem]:
    for path in NOT_SERVED:
        value: object = spec
        for name in path.split("."):
            value = getattr(value, name, None)
        if value:
            yield Problem(_json_path(path), "", supported=False)
    if spec.process is not None and spec.process.oom_score_adj is not None:
        yield Problem("process.oomScoreAdj", "", supported=False)
    seccomp = spec.linux.seccomp
    if seccomp is not None and any(
        action == "SCMP_ACT_NOTIFY" for action in (seccomp.default_action, *(rule.action for rule in seccomp.syscalls))
    ):
        yield Problem("linux.seccomp", "SCMP_ACT_NOTIFY", supported=False)


def _json_path(path: str) -> str:
    head, *rest = path.replace("exec_cpu_affinity", "execCPUAffinity").replace("block_io", "blockIO").split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest)
