"""R9: a filter holds for every way that this processor has into the kernel, for what is run and for what is run further.

[CVE-2015-8543 family] Of x86_64 there are three: its own calls, those of i386 by int 0x80, and those of x32.
"""

import platform
import subprocess
from typing import Any

import pytest

from tests.oci.containers import Containers
from tests.security.conftest import Attack

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have one way")

DENIED = ["mkdirat", "mount", "keyctl", "bpf", "ptrace", "unshare", "kexec_load", "open_by_handle_at", "userfaultfd"]
OTHERS = ["add_key", "init_module", "setns", "io_uring_setup", "fsopen", "move_mount"]
ASKED = [*DENIED, *OTHERS, "getpid", "unknown"]
ENOSPC = 28
ONE, ALL = ["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]


ERROR = {"action": "SCMP_ACT_ERRNO", "errnoRet": ENOSPC}


def profile(architectures: list[str], action: dict[str, Any] = ERROR) -> dict[str, Any]:
    rule = {"names": DENIED, **action}
    return {
        "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "architectures": architectures, "syscalls": [rule]},
        "process.args": ["/bin/calls", *ASKED],
    }


def table(told: str) -> dict[tuple[str, str], str]:
    return {(way, name): result for way, name, result in (line.split() for line in told.splitlines())}


def results(oci: Containers, changes: dict[str, Any]) -> list[dict[tuple[str, str], str]]:
    """Return the table of what is run, and of what is run further."""
    run = oci.run(changes).ok().stdout
    box = oci.start({**changes, "process.args": ["/bin/sleep", "1000"]})
    return [table(run), table(box.exec("/bin/calls", *ASKED).ok().stdout)]


@pytest.fixture(autouse=True)
def calls(oci: Containers, attack: Attack) -> dict[tuple[str, str], str]:
    """What the kernel answers without a filter."""
    program = attack("calls", oci.rootfs / "bin/calls")
    return table(subprocess.run([program, *ASKED], capture_output=True, text=True, check=True).stdout)


def test_a_denied_call_has_its_error_by_every_way(oci: Containers, calls: dict[tuple[str, str], str]) -> None:
    for found in results(oci, profile(ALL)):
        assert {name: found["native", name] for name in DENIED} == dict.fromkeys(DENIED, "ENOSPC")
        assert {name: found["i386", name] for name in DENIED} == dict.fromkeys(DENIED, "ENOSPC")
        assert {found["x32", name] for name in DENIED} <= {"ENOSPC", "SIGSYS", "ENOSYS"}
        assert (found["native", "getpid"], found["i386", "getpid"]) == (calls["native", "getpid"], calls["i386", "getpid"])


def test_a_way_that_the_filter_does_not_know_is_closed(oci: Containers) -> None:
    """Else each denied call is open by it."""
    for found in results(oci, profile(ONE)):
        assert {name: found["native", name] for name in DENIED} == dict.fromkeys(DENIED, "ENOSPC")
        for way in ("i386", "x32"):
            assert {found[way, name] for name in ASKED} <= {"SIGSYS", "EPERM", "ENOSYS"}, way


def test_a_list_of_what_is_allowed_allows_nothing_else(oci: Containers) -> None:
    allowed = [
        *("execve", "brk", "arch_prctl", "mmap", "munmap", "mprotect", "prlimit64", "getrandom", "set_tid_address", "rseq"),
        *("set_robust_list", "write", "writev", "exit_group", "exit", "read", "close", "openat", "fstat", "newfstatat"),
        *("prctl", "futex", "rt_sigaction", "rt_sigprocmask", "setgid", "setuid", "setgroups", "capset", "capget", "chdir"),
        *("getcwd", "statx", "fcntl", "getppid", "epoll_pwait", "epoll_ctl", "close_range", "dup3", "nanosleep", "getpid"),
        *("tgkill", "rt_sigreturn", "sigaltstack", "clone", "fork", "vfork", "wait4", "readlinkat", "readlink", "uname"),
        *("fstatfs", "statfs", "gettid", "madvise", "lseek", "ioctl", "sched_yield", "access", "pread64", "faccessat"),
        *(
            "faccessat2",
            "getuid",
            "getgid",
            "geteuid",
            "getegid",
            "epoll_create1",
            "eventfd2",
            "pipe2",
            "sched_getaffinity",
        ),
        *("clock_nanosleep", "poll", "ppoll", "kill", "setresuid", "setresgid", "restart_syscall", "clone3", "keyctl"),
        *("getdents64", "fchown", "open", "stat", "lstat"),
    ]
    denied = [name for name in (*DENIED, *OTHERS) if name not in allowed]
    rule = {"names": allowed, "action": "SCMP_ACT_ALLOW"}
    filter_ = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": ENOSPC, "architectures": ALL, "syscalls": [rule]}
    for found in results(oci, {"linux.seccomp": filter_, "process.args": ["/bin/calls", *ASKED]}):
        for way in ("native", "i386"):
            assert {found[way, name] for name in denied} <= {"ENOSPC", "ENOSYS"}, way
        assert found["native", "getpid"] == "0"


def test_a_call_that_ends_the_process_ends_it_by_every_way(oci: Containers) -> None:
    for found in results(oci, profile(ALL, {"action": "SCMP_ACT_KILL_PROCESS"})):
        for way in ("native", "i386"):
            assert {found[way, name] for name in DENIED} == {"SIGSYS"}, way
