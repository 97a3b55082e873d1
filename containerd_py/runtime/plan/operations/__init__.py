"""The operations of a Plan: frozen data that can describe itself. Their executors live in `runtime.init`.

The order in a Plan is: join the cgroup; turn every path of the host into a mount held by file descriptor; enter the
root; build it; confine the process; become the payload. An operation holds what the kernel call needs and no policy.
One module per subject, as in `runtime.init`.
"""

from containerd_py.runtime.plan.operations.base import Operation, Option
from containerd_py.runtime.plan.operations.confinement import (
    LimitBounding,
    LoadSeccomp,
    SetCapabilities,
    SetIdentity,
    SetNoNewPrivs,
    SetRlimit,
)
from containerd_py.runtime.plan.operations.namespaces import LoopbackUp, SetDomainname, SetHostname
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
from containerd_py.runtime.plan.operations.placement import AwaitParent, BecomeRoot, JoinCgroup, ResetProcess, UnshareCgroup
from containerd_py.runtime.plan.operations.rootfs import (
    AttachRoot,
    AttachTree,
    BindDevice,
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
    Remount,
    SetPropagation,
    SetRootPropagation,
)

__all__ = [
    "AttachRoot",
    "AttachStdio",
    "AttachTree",
    "AwaitParent",
    "AwaitStart",
    "BecomeRoot",
    "BindDevice",
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
    "Operation",
    "Option",
    "PivotRoot",
    "ReadonlyPath",
    "ReadonlyRoot",
    "Remount",
    "ResetProcess",
    "RunHooks",
    "SetCapabilities",
    "SetDomainname",
    "SetHostname",
    "SetIdentity",
    "SetNoNewPrivs",
    "SetPropagation",
    "SetRlimit",
    "SetRootPropagation",
    "UnshareCgroup",
]
