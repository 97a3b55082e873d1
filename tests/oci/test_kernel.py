"""What the kernel is told about a container: sysctls, system call filters, devices, personality."""

from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import namespaces
from tests.oci.containers import Containers

# ── sysctl ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kernel.msgmax", "16384"),
        ("kernel.shm_rmid_forced", "1"),
        ("fs.mqueue.msg_max", "20"),
        ("net.ipv4.ip_forward", "1"),
        ("net.ipv4.ping_group_range", "0 1000"),
    ],
)
def test_a_sysctl_is_set(oci: Containers, name: str, value: str) -> None:
    path = f"/proc/sys/{name.replace('.', '/')}"
    assert oci.sh(f"cat {path}", {"linux.sysctl": {name: value}}).split() == value.split()


def test_a_sysctl_may_be_written_with_slashes(oci: Containers) -> None:
    assert oci.sh("cat /proc/sys/kernel/msgmax", {"linux.sysctl": {"kernel/msgmax": "16384"}}) == "16384"


@pytest.mark.parametrize(
    ("name", "shared"),
    [("kernel.msgmax", "ipc"), ("net.ipv4.ip_forward", "network"), ("fs.mqueue.msg_max", "ipc")],
)
def test_a_sysctl_of_the_callers_namespace_is_refused(oci: Containers, name: str, shared: str) -> None:
    oci.refused({"linux.sysctl": {name: "1"}, "linux.namespaces": namespaces(shared)})


@pytest.mark.parametrize(
    "name", ["vm.swappiness", "kernel.panic", "kernel.core_pattern", "net/../kernel/panic", "", "nothing"]
)
def test_a_sysctl_of_the_host_is_refused(oci: Containers, name: str) -> None:
    oci.refused({"linux.sysctl": {name: "1"}})


# ── seccomp ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def seccomp(*rules: dict[str, Any], default: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    profile = {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64"], "syscalls": list(rules), **more}
    return {"linux.seccomp": profile}


def rule(name: str, action: str, **more: Any) -> dict[str, Any]:
    return {"names": [name], "action": action, **more}


MKDIR = "mkdir /tmp/made 2>&1; echo $?"


def test_a_system_call_fails(oci: Containers) -> None:
    assert "Operation not permitted" in oci.sh(MKDIR, seccomp(rule("mkdir", "SCMP_ACT_ERRNO")))


@pytest.mark.lacks("runc", "looks for the working directory under the filter")
def test_a_filter_may_deny_even_what_tells_the_working_directory(oci: Containers) -> None:
    box = oci.start(seccomp(rule("getcwd", "SCMP_ACT_ERRNO")) | {"process.noNewPrivileges": False, "process.cwd": "/tmp"})
    assert Path(f"/proc/{box.pid}/cwd").readlink() == Path("/tmp")


def test_a_filter_may_know_no_calls_that_are_newer_than_it(oci: Containers) -> None:
    """As that of runtime-tools, of 2016; without no_new_privileges it is in force when the program is looked for."""
    calls = ["faccessat2", "openat2", "close_range", "clone3", "statx", "pidfd_open", "epoll_pwait2", "execveat"]
    denied = seccomp(*(rule(name, "SCMP_ACT_ERRNO") for name in calls)) | {"process.noNewPrivileges": False}
    oci.run(denied | {"process.args": ["/bin/busybox", "true"]}).ok()


@pytest.mark.lacks("runc", "does not know the annotation")
def test_a_system_call_that_is_not_known_is_an_error_where_that_is_asked_for(oci: Containers) -> None:
    unknown = seccomp(rule("no_such_call", "SCMP_ACT_ERRNO"))
    oci.start(unknown | {"annotations": {"run.oci.seccomp_fail_unknown_syscall": "0"}})
    told = oci.refused(unknown | {"annotations": {"run.oci.seccomp_fail_unknown_syscall": "1"}})
    assert "seccomp" in told


def test_it_fails_with_the_error_asked_for(oci: Containers) -> None:
    assert "No space left" in oci.sh(MKDIR, seccomp(rule("mkdir", "SCMP_ACT_ERRNO", errnoRet=28)))


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"])
def test_it_ends_the_process(oci: Containers, action: str) -> None:
    assert oci.sh(MKDIR, seccomp(rule("mkdir", action))).endswith("159")  # SIGSYS


def test_it_is_logged_and_allowed(oci: Containers) -> None:
    assert oci.sh(MKDIR, seccomp(rule("mkdir", "SCMP_ACT_LOG"))) == "0"


def test_without_a_tracer_it_is_not_there(oci: Containers) -> None:
    assert "Function not implemented" in oci.sh(MKDIR, seccomp(rule("mkdir", "SCMP_ACT_TRACE")))


def test_an_argument_decides(oci: Containers) -> None:
    argument = {"index": 1, "value": 0o700, "op": "SCMP_CMP_EQ"}
    changes = seccomp(rule("mkdir", "SCMP_ACT_ERRNO", args=[argument]))
    assert oci.sh("mkdir -m 700 /tmp/a 2>/dev/null; echo $?; umask 077; mkdir /tmp/b; echo $?", changes).split()[-1] == "0"


ALLOWED = [
    *("execve", "brk", "arch_prctl", "uname", "readlink", "mmap", "munmap", "mprotect", "prlimit64", "getrandom"),
    *("set_tid_address", "set_robust_list", "rseq", "write", "writev", "exit_group", "exit", "getuid", "getgid"),
    *("geteuid", "getegid", "read", "close", "openat", "fstat", "newfstatat", "ioctl", "prctl", "futex", "lseek"),
    *("rt_sigaction", "rt_sigprocmask", "setgid", "setuid", "access", "pread64", "readlinkat", "sched_yield"),
    *("capset", "capget", "chdir", "getcwd", "statx", "fcntl", "setgroups", "getpid", "getppid", "epoll_pwait"),
    *("close_range", "dup3", "seccomp", "nanosleep", "epoll_ctl", "tgkill", "rt_sigreturn", "sigaltstack", "stat"),
    *("clone", "poll", "ppoll", "open", "lstat", "getdents64", "fstatfs", "statfs", "gettid", "madvise", "dup2"),
]
"""What starting a program takes, and mkdir(2) is not among it."""

CHANGES = "touch /tmp/x; for mode in 700 777; do chmod $mode /tmp/x 2>/dev/null; echo $?; done"
OPERATORS = [
    ("SCMP_CMP_NE", 0o777, 0, "1 0"),
    ("SCMP_CMP_LT", 0o777, 0, "1 0"),
    ("SCMP_CMP_LE", 0o700, 0, "1 0"),
    ("SCMP_CMP_EQ", 0o777, 0, "0 1"),
    ("SCMP_CMP_GE", 0o777, 0, "0 1"),
    ("SCMP_CMP_GT", 0o700, 0, "0 1"),
    ("SCMP_CMP_MASKED_EQ", 0o077, 0o077, "0 1"),
]


@pytest.mark.parametrize(("operator", "value", "second", "expected"), OPERATORS)
def test_an_argument_is_compared(oci: Containers, operator: str, value: int, second: int, expected: str) -> None:
    """chmod(2) to mode 0700, and to 0777: which of them fails."""
    argument = {"index": 1, "value": value, "valueTwo": second, "op": operator}
    changes = seccomp(rule("chmod", "SCMP_ACT_ERRNO", args=[argument]))
    assert oci.sh(CHANGES, changes).split() == expected.split()


def test_the_default_has_an_error_of_its_own(oci: Containers) -> None:
    changes = seccomp({"names": ALLOWED, "action": "SCMP_ACT_ALLOW"}, default="SCMP_ACT_ERRNO", defaultErrnoRet=28)
    assert "No space left" in oci.run({"process.args": ["/bin/mkdir", "/tmp/x"], **changes}).stderr


FLAGS = [
    pytest.param([f"SECCOMP_FILTER_FLAG_{name}"], marks=pytest.mark.lacks("runc<1.2", "serves no flags"))
    for name in ("LOG", "SPEC_ALLOW", "TSYNC")
]


@pytest.mark.parametrize(
    "flags",
    [[], *FLAGS],
)
def test_a_filter_has_flags(oci: Containers, flags: list[str]) -> None:
    assert "Operation not permitted" in oci.sh(MKDIR, seccomp(rule("mkdir", "SCMP_ACT_ERRNO"), flags=flags))


def test_a_default_may_refuse(oci: Containers) -> None:
    """Everything but what is allowed; what starts a program is among it."""
    allowed = {"names": ALLOWED, "action": "SCMP_ACT_ALLOW"}
    result = oci.run({"process.args": ["/bin/mkdir", "/tmp/x"], **seccomp(allowed, default="SCMP_ACT_ERRNO")})
    assert "Operation not permitted" in result.stderr
    assert not (oci.rootfs / "tmp/x").exists()


@pytest.mark.parametrize("asked", [{"process.noNewPrivileges": True}, {"process.noNewPrivileges": False}])
def test_a_profile_may_be_older_than_the_calls_of_a_runtime(oci: Containers, asked: dict[str, Any]) -> None:
    """Docker's of before 2020 know no close_range(2); what a runtime does with it is not the payload's affair."""
    refused = {"names": ["close_range", "openat2", "setitimer"], "action": "SCMP_ACT_ERRNO"}
    changes = {**asked, **seccomp(refused)}
    assert oci.sh("echo in", changes) == "in"
    assert oci.start(changes).sh("echo in too") == "in too"


def test_it_is_in_force_for_exec_too(oci: Containers) -> None:
    box = oci.start(seccomp(rule("mkdir", "SCMP_ACT_ERRNO")))
    assert "Operation not permitted" in box.sh(MKDIR)


@pytest.mark.parametrize(
    "profile",
    [
        {"defaultAction": "SCMP_ACT_NOTHING"},
        {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_NOTHING"]},
        {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "NOTHING"}]},
        {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [
                {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 9, "value": 1, "op": "SCMP_CMP_EQ"}]}
            ],
        },
    ],
)
def test_a_wrong_filter_is_refused(oci: Containers, profile: dict[str, Any]) -> None:
    oci.refused({"linux.seccomp": profile})


# ── devices ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def device(path: str = "/dev/extra", **more: Any) -> dict[str, Any]:
    return {"path": path, "type": "c", "major": 1, "minor": 3, "fileMode": 0o640, "uid": 7, "gid": 8, **more}


def test_a_device_is_made(oci: Containers) -> None:
    told = oci.sh("stat -c '%F %a %u %g %t:%T' /dev/extra", {"linux.devices": [device()]})
    assert told == "character special file 640 7 8 1:3"


def test_the_mode_of_a_device_as_stat_tells_it(oci: Containers) -> None:
    """With the bits that tell what it is: so podman has it."""
    assert oci.sh("stat -c %a /dev/extra", {"linux.devices": [device(fileMode=0o20640)]}) == "640"


def test_a_device_is_made_below_new_directories(oci: Containers) -> None:
    assert oci.sh("ls /dev/a/b", {"linux.devices": [device("/dev/a/b/extra")]}) == "extra"


def test_a_fifo_is_made(oci: Containers) -> None:
    fifo = {"path": "/dev/pipe", "type": "p", "fileMode": 0o600}
    assert oci.sh("stat -c %F /dev/pipe", {"linux.devices": [fifo]}) == "fifo"


DENY_ALL = {"allow": False, "access": "rwm"}


def test_a_device_that_is_not_allowed_is_out_of_reach(oci: Containers) -> None:
    """Even for who may make its node: 10:235 (autofs) can be opened by anybody where it is allowed."""
    changes = {
        "linux.resources": {"devices": [DENY_ALL]},
        "process.capabilities": {name: ["CAP_MKNOD"] for name in ("bounding", "permitted", "effective")},
    }
    assert "Operation not permitted" in oci.sh("mknod /dev/own c 10 235 2>&1; head -c1 /dev/own 2>&1; true", changes)


def test_the_usual_devices_are_allowed_all_the_same(oci: Containers) -> None:
    changes = {"linux.resources": {"devices": [DENY_ALL]}}
    assert oci.sh("echo x > /dev/null; head -c 3 /dev/zero | wc -c", changes) == "3"


def test_a_device_that_is_allowed_can_be_opened(oci: Containers) -> None:
    rules = [DENY_ALL, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "rw"}]
    extra = device("/dev/extra", minor=11, fileMode=0o666, uid=0, gid=0)
    told = oci.sh(
        "echo hello > /dev/extra && echo wrote", {"linux.devices": [extra], "linux.resources": {"devices": rules}}
    )
    assert told == "wrote"


# ── personality ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.lacks("runc<1.2", "knows no personality")
def test_a_32_bit_personality_is_set(oci: Containers) -> None:
    assert oci.sh("uname -m", {"linux.personality": {"domain": "LINUX32"}}) == "i686"


# ── what is there on some hosts only ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.lacks("runc<1.4", "knows no memory policy")
@pytest.mark.lacks("crun<1.26", "knows no memory policy")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"), ({"mode": "MPOL_INTERLEAVE", "nodes": "0"}, "interleave:0")],
)
def test_memory_is_taken_by_a_policy(oci: Containers, policy: dict[str, Any], expected: str) -> None:
    if not Path("/proc/self/numa_maps").exists():
        pytest.skip("this kernel has no NUMA policies")
    assert oci.sh("exec cat /proc/self/numa_maps", {"linux.memoryPolicy": policy}).split()[1] == expected


@pytest.mark.lacks("runc<1.4", "knows no memory policy")
@pytest.mark.lacks("crun<1.26", "knows no memory policy")
def test_a_memory_node_that_the_host_lacks_is_refused(oci: Containers) -> None:
    oci.refused({"linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "1023"}})


@pytest.mark.lacks("crun", "reads the cache schema alone")
def test_a_class_of_cache_is_refused_where_there_is_no_resctrl(oci: Containers) -> None:
    if Path("/sys/fs/resctrl/schemata").exists():
        pytest.skip("resctrl is mounted")
    oci.refused({"linux.intelRdt": {"closID": "class", "l3CacheSchema": "L3:0=f"}})


@pytest.mark.parametrize("key", ["apparmorProfile", "selinuxLabel"])
@pytest.mark.lacks("crun", "goes without them", some=True)
@pytest.mark.lacks("runc", "goes without the label", some=True)
def test_a_label_that_no_module_knows_is_refused(oci: Containers, key: str) -> None:
    module = {"apparmorProfile": "/sys/module/apparmor", "selinuxLabel": "/sys/fs/selinux/enforce"}[key]
    if Path(module).exists():
        pytest.skip("the module is in force")
    assert key in oci.refused({f"process.{key}": "some-label"})
