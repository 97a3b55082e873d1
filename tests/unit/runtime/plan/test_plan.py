"""A Plan survives its journey to the worker, and says what it does."""

import json

import pytest

from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.outline import UnreadablePlan
from containerd_py.runtime.plan.plan import FORMAT, Plan, decode

OPERATIONS: tuple[tuple[op.Operation, str], ...] = (
    (op.JoinCgroup(1), "join 1 cgroup v1 hierarchy"),
    (op.JoinCgroup(2), "join 2 cgroup v1 hierarchies"),
    (op.BecomeRoot(drop_groups=True), "become root of the user namespace"),
    (op.AwaitParent(("prestart hooks", "createRuntime hooks")), "wait for prestart hooks, createRuntime hooks"),
    (op.RunHooks("createContainer", "creating", (("/h", ("h",), (), 5),)), "run createContainer hook /h"),
    (op.EnterRoot(), "open the container's root"),
    (op.TakeRoot(("/dev", "/proc")), "enter the root file system"),
    (op.StatPath("/a\nb"), r"look at '/a\nb'"),
    (op.PackPath("/a"), "pack '/a'"),
    (op.UnpackArchive("/a"), "unpack into '/a'"),
    (op.CompareLayers(2, "trusted"), "compare the layers of the root file system"),
    (op.AwaitMembership("x.scope"), "wait until systemd has put the process into 'x.scope'"),
    (op.UnshareCgroup(), "enter a new cgroup namespace"),
    (
        op.ResetProcess("_ses.a"),
        "start a session, join session keyring '_ses.a', reset nice, policy, affinity, timer slack and umask",
    ),
    (
        op.ResetProcess(""),
        "start a session, keep the caller's session keyring, reset nice, policy, affinity, timer slack and umask",
    ),
    (op.OpenProcfs(), "open a private procfs"),
    (op.SetPropagation(1 << 19, "rslave"), "make all mounts rslave"),
    (op.SetPropagation(1 << 18, "private", recursive=False), "make mount / private"),
    (op.SetRootPropagation(1 << 20, "rshared", recursive=True), "make all mounts of the container rshared"),
    (op.SetRootPropagation(1 << 20, "shared", recursive=False), "make the root mount shared"),
    (op.CloneTree(0, "/srv", recursive=True), "clone rbind source /srv"),
    (op.CloneTree(0, "/srv", recursive=False), "clone bind source /srv"),
    (op.CloneInside(0, "/srv", recursive=True), "clone rbind source /srv of the container's own mounts"),
    (op.CloneNull(), "clone /dev/null (char 1:3)"),
    (op.AttachRoot("/r"), "bind root file system /r"),
    (
        op.MountFilesystem("tmpfs", "shm", "/dev/shm", (("mode", "1777"), ("noswap", None)), 7),
        "mount tmpfs on /dev/shm (mode=1777,noswap)",
    ),
    (op.MountFilesystem("proc", "proc", "/proc", (), 0), "mount proc on /proc"),
    (op.AttachTree(0, "/srv", "/data", 1, 2, propagation=4), "bind /srv on /data"),
    (
        op.MountFilesystem("tmpfs", "tmpfs", "/run", (), 0, copy_up=True),
        "mount tmpfs on /run, filled with what it hides",
    ),
    (op.Remount("/data", 1), "change mount /data"),
    (op.Remount("/data", 1, reconfigure=True, options=(("ro", None), ("size", "1k"))), "change mount /data (ro,size=1k)"),
    (op.BindDevice(-1, "/dev/null", "c", 1, 3), "bind device /dev/null (c 1:3)"),
    (op.TakeNodes((-7, -8)), "take 2 device nodes of the host's"),
    (op.MakeDirectory("/w"), "make directory /w if it is missing"),
    (op.MakeDevice("/dev/null", "c", 1, 3, 0o666, 0, 0), "make device /dev/null (c 1:3, 666)"),
    (op.MakeSymlink("/dev/fd", "/proc/self/fd"), "link /dev/fd to /proc/self/fd"),
    (op.OpenConsole(24, 80, 0), "open a terminal on the container's devpts and bind it on /dev/console"),
    (op.LoopbackUp(), "bring network interface lo up"),
    (op.SetHostname("box"), "set host name box"),
    (op.SetDomainname("lan"), "set NIS domain name lan"),
    (op.SetSysctl("net/core/somaxconn", "5"), "set kernel parameter net/core/somaxconn to '5'"),
    (op.MoveRoot("/r"), "move the root file system over the host's, whose proc and sysfs are unmounted first"),
    (op.PivotRoot(), "pivot into the root file system and detach the host's"),
    (op.ReadonlyRoot(), "make the root mount read-only"),
    (op.ReadonlyPath("/proc/sys"), "make /proc/sys read-only"),
    (op.MaskPath("/proc/kcore"), "mask /proc/kcore"),
    (op.SetRlimit("RLIMIT_CORE", 4, 0, -1), "limit RLIMIT_CORE to 0 (hard -1)"),
    (op.SetOomScoreAdj(-5), "set oom_score_adj to -5"),
    (
        op.SetScheduler("SCHED_FIFO", 1, 0, 0, 5, 0, 0, 0),
        "set scheduling policy SCHED_FIFO (nice 0, priority 5)",
    ),
    (op.SetIoPriority("IOPRIO_CLASS_BE", 2, 4), "set I/O priority IOPRIO_CLASS_BE 4"),
    (op.SetMemoryPolicy("MPOL_BIND", 2, 5), "set memory policy MPOL_BIND on nodes 0x5"),
    (op.SetMemoryPolicy("MPOL_LOCAL", 4, 0), "set memory policy MPOL_LOCAL"),
    (op.SetPersonality("LINUX32", 8), "set execution domain LINUX32"),
    (op.SetAffinity((0, 2)), "run on CPUs 0,2"),
    (op.SetAppArmorProfile("box"), "change to AppArmor profile box at execution"),
    (op.SetSelinuxLabel("a:b:c:s0"), "change to SELinux label a:b:c:s0 at execution"),
    (op.AttachStdio(terminal=False, uid=0, gid=0), "attach the pipes to stdin, stdout and stderr"),
    (op.AttachStdio(terminal=True, uid=0, gid=0), "attach the terminal to stdin, stdout and stderr"),
    (op.LimitBounding(255), "limit the bounding set to 0xff"),
    (op.SetIdentity(5, 6, (7, 8), 0o22), "become user 5:6 and groups 7,8, umask 0022"),
    (op.SetIdentity(0, 0, (), 0o77), "become user 0:0, umask 0077"),
    (
        op.SetCapabilities(1, 3, 0, 0),
        "set capabilities: effective 0x1, permitted 0x3, inheritable 0x0, ambient 0x0",
    ),
    (op.CloseOnExec(), "close descriptors on exec"),
    (op.ResetSignals(), "reset signals"),
    (op.ForkPayload(terminal=True), "stay as the first process, and fork the payload"),
    (op.SetNoNewPrivs(), "set no_new_privs"),
    (op.ChangeDirectory("/w"), "change to directory /w"),
    (op.ChangeDirectory("/w", first=True), "change to directory /w, as far as we may"),
    (op.FindHome(5), "find the home directory of user 5"),
    (op.FindProgram("sh", ("/bin", "/usr/bin")), "find program sh in /bin:/usr/bin"),
    (op.FindProgram("/bin/sh", ("/bin",)), "find program /bin/sh"),
    (op.AwaitStart(), "wait for start"),
    (op.LoadSeccomp(bytes(range(256)), 2), "load a seccomp filter of 32 instructions"),
    (op.Exec(("sh", "-c", "echo é"), ("A=\udcff", "A=2"), 1, (3, 4)), "execute sh -c echo é"),
)


@pytest.mark.parametrize(("operation", "told"), OPERATIONS, ids=lambda value: type(value).__name__)
def test_an_operation_tells_what_it_does(operation: op.Operation, told: str) -> None:
    assert operation.describe() == told
    assert operation.step


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "operation",
    [
        op.Exec(("sh", *LONG), ()),
        op.FindProgram("sh", (LONG,)),
        op.FindProgram(f"/{LONG}", ()),
        op.ChangeDirectory(f"/{LONG}"),
        op.RunHooks("createContainer", "creating", tuple(("/bin/hook", (), (), None) for _ in LONG)),
        op.MountFilesystem("tmpfs", "tmpfs", "/t", tuple(("size", "1m") for _ in LONG), 0),
        op.Remount("/t", 0, 0, options=(("key", LONG),)),
        op.SetIdentity(0, 0, tuple(range(65_536)), 0o22),
        op.SetSysctl("net/x", LONG),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_document_makes_long_is_cut(operation: op.Operation) -> None:
    """It is in errors, explanations and timelines."""
    told = operation.describe()
    assert len(told) < 1100
    assert "…" in told


def test_what_is_long_but_can_be_read_is_whole() -> None:
    assert op.Exec(("x" * 1000,), ()).describe() == f"execute {'x' * 1000}"


def test_every_operation_has_its_case_above() -> None:
    kinds = {kind.__name__ for kind in op.Operation.__subclasses__()}
    assert {type(operation).__name__ for operation, _told in OPERATIONS} == kinds


def test_a_plan_comes_back_as_it_was() -> None:
    plan = Plan(("mount", "pid"), tuple(operation for operation, _told in OPERATIONS))
    again = decode(plan.encode())
    assert again == plan
    assert [type(operation) for operation in again.operations] == [type(operation) for operation in plan.operations]


def test_an_operation_is_frozen() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        op.MaskPath("/a").path = "/b"  # type: ignore[misc]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps({"format": FORMAT + 1, "namespaces": [], "operations": []}).encode(),
        json.dumps({"format": FORMAT, "namespaces": []}).encode(),
        json.dumps({"format": FORMAT, "namespaces": [], "operations": [["Launder", 1]]}).encode(),
        json.dumps({"format": FORMAT, "namespaces": [], "operations": [["MaskPath"]]}).encode(),
        json.dumps({"format": FORMAT, "namespaces": [], "operations": [["MaskPath", "/a", "", "/b"]]}).encode(),
        json.dumps(
            {"format": FORMAT, "namespaces": [], "operations": [["LoadSeccomp", {"bytes": "*"}, 0, False, 0]]}
        ).encode(),
    ],
)
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadablePlan, match="cannot read plan: "):
        decode(data)


def test_namespaces_become_clone_flags() -> None:
    names = ("mount", "pid", "network", "ipc", "uts")
    assert Plan(names, ()).clone_flags() == Clone.NEWNS | Clone.NEWPID | Clone.NEWNET | Clone.NEWIPC | Clone.NEWUTS
    assert Plan(("cgroup",), ()).clone_flags() == Clone(0)  # entered later, by UnshareCgroup


def test_start_divides_a_plan() -> None:
    assert Plan((), (op.CloneNull(), op.AwaitStart(), op.Exec(("a",), ()))).start_index() == 1
