"""The operations of a Plan: frozen data that can describe itself. Their executors live in `runtime.init`.

The order in a Plan is: join the cgroup; turn every path of the host into a mount held by file descriptor; enter the
root; build it; confine the process; become the payload. An operation holds what the kernel call needs and no policy.
One module per subject, as in `runtime.init`.
"""

from containerd_py.runtime.plan.operations.attributes import (
    SetAffinity,
    SetIoPriority,
    SetMemoryPolicy,
    SetOomScoreAdj,
    SetPersonality,
    SetRlimit,
    SetScheduler,
)
from containerd_py.runtime.plan.operations.base import Operation, Option
from containerd_py.runtime.plan.operations.confinement import (
    LimitBounding,
    LoadSeccomp,
    SetAppArmorProfile,
    SetCapabilities,
    SetIdentity,
    SetNoNewPrivs,
    SetSelinuxLabel,
)
from containerd_py.runtime.plan.operations.namespaces import LoopbackUp, SetDomainname, SetHostname, SetSysctl
from containerd_py.runtime.plan.operations.payload import (
    AttachStdio,
    AwaitStart,
    ChangeDirectory,
    EnterRoot,
    Exec,
    FindProgram,
    OpenConsole,
    RunHooks,
)
from containerd_py.runtime.plan.operations.placement import (
    AwaitParent,
    BecomeRoot,
    JoinCgroup,
    OpenProcfs,
    ResetProcess,
    UnshareCgroup,
)
from containerd_py.runtime.plan.operations.rootfs import (
    AttachRoot,
    AttachTree,
    CloneNull,
    CloneTree,
    MakeDevice,
    MakeDirectory,
    MakeSymlink,
    MaskPath,
    MountFilesystem,
    PivotRoot,
    ReadonlyPath,
    ReadonlyRoot,
    SetPropagation,
)

__all__ = [
    "AttachRoot",
    "AttachStdio",
    "AttachTree",
    "AwaitParent",
    "AwaitStart",
    "BecomeRoot",
    "ChangeDirectory",
    "CloneNull",
    "CloneTree",
    "EnterRoot",
    "Exec",
    "FindProgram",
    "JoinCgroup",
    "LimitBounding",
    "LoadSeccomp",
    "LoopbackUp",
    "MakeDevice",
    "MakeDirectory",
    "MakeSymlink",
    "MaskPath",
    "MountFilesystem",
    "OpenConsole",
    "OpenProcfs",
    "Operation",
    "Option",
    "PivotRoot",
    "ReadonlyPath",
    "ReadonlyRoot",
    "ResetProcess",
    "RunHooks",
    "SetAffinity",
    "SetAppArmorProfile",
    "SetCapabilities",
    "SetDomainname",
    "SetHostname",
    "SetIdentity",
    "SetIoPriority",
    "SetMemoryPolicy",
    "SetNoNewPrivs",
    "SetOomScoreAdj",
    "SetPersonality",
    "SetPropagation",
    "SetRlimit",
    "SetScheduler",
    "SetSelinuxLabel",
    "SetSysctl",
    "UnshareCgroup",
]
