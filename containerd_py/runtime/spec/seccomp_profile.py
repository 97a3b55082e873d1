"""Our default seccomp profile: what ordinary programs call is allowed, everything else answers EPERM.

Left out on purpose: what changes the host (modules, kexec, clocks, swap, reboot, quotas), what makes namespaces or
mounts, what reaches other processes' or the kernel's insides (bpf, perf_event_open, userfaultfd, io_uring, keyrings,
open_by_handle_at), and what is obsolete.
"""

from __future__ import annotations

import errno
import os

from containerd_py.light.functools import cache
from containerd_py.runtime.spec.linux import Seccomp, SeccompArgument, SeccompRule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FILES = """
access arm_fadvise64_64 arm_sync_file_range chdir chmod chown chown32 chroot close close_range copy_file_range creat dup
dup2 dup3 faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown
fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr file_getattr file_setattr flistxattr flock fremovexattr fsetxattr
fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr
getxattrat inotify_add_watch inotify_init inotify_init1 inotify_rm_watch lchown lchown32 lgetxattr link linkat listxattr
listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 memfd_create memfd_secret mkdir mkdirat mknod
mknodat name_to_handle_at newfstatat _newselect open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev
pwritev2 read readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile
sendfile64 setxattr setxattrat splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
sync_file_range2 syncfs tee truncate truncate64 ugetrlimit umask unlink unlinkat utime utimensat utimensat_time64 utimes
vmsplice write writev
"""
_MEMORY = """
arch_prctl brk cachestat get_mempolicy madvise map_shadow_stack mbind membarrier mincore mlock mlock2 mlockall mmap mmap2
mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_madvise process_mrelease
remap_file_pages set_mempolicy set_mempolicy_home_node
"""
_PROCESSES = """
alarm breakpoint cacheflush capget capset execve execveat exit exit_group fork futex futex_requeue futex_time64
futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu getegid getegid32 geteuid geteuid32 getgid
getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid
getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill landlock_add_rule
landlock_create_ruleset landlock_restrict_self nanosleep pause pidfd_getfd pidfd_open pidfd_send_signal prctl prlimit64
process_vm_readv process_vm_writev ptrace restart_syscall riscv_flush_icache rseq rt_sigaction rt_sigpending
rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo
sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler
sched_yield seccomp set_robust_list set_thread_area set_tid_address set_tls setfsgid setfsgid32 setfsuid setfsuid32
setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid
setresuid32 setreuid setreuid32 setrlimit setsid setuid setuid32 sigaltstack signalfd signalfd4 sigprocmask sigreturn
sysinfo tgkill time times tkill uname uprobe uretprobe vfork vhangup wait4 waitid waitpid
"""
_TIME = """
adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
clock_nanosleep_time64 gettimeofday timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64
timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
"""
_WAITING = """
epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2
io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit poll ppoll ppoll_time64 pselect6
pselect6_time64 select
"""
_COMMUNICATION = """
accept accept4 bind connect getpeername getsockname getsockopt getrandom ioctl ipc listen mq_getsetattr mq_notify mq_open
mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd recv
recvfrom recvmmsg recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg sendmsg sendto
setsockopt shmat shmctl shmdt shmget shutdown socketcall socketpair
"""
_FOR_CAPABILITIES = {
    "CAP_SYS_ADMIN": """
bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount open_tree
perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
""",
    "CAP_BPF": "bpf",
    "CAP_DAC_READ_SEARCH": "open_by_handle_at",
    "CAP_PERFMON": "perf_event_open",
    "CAP_SYSLOG": "syslog",
    "CAP_SYS_BOOT": "kexec_file_load kexec_load reboot",
    "CAP_SYS_MODULE": "delete_module finit_module init_module",
    "CAP_SYS_PACCT": "acct",
    "CAP_SYS_PTRACE": "kcmp",
    "CAP_SYS_RAWIO": "ioperm iopl",
    "CAP_SYS_TIME": "clock_settime clock_settime64 settimeofday stime",
}
"""What a capability is for, and would be of no use without: as in docker's and podman's profiles."""

_NAMESPACE_FLAGS = 0x7E02_0000  # CLONE_NEW* of clone(2)
_AF_ALG = 38
_AF_VSOCK = 40
_SAFE_PERSONALITIES = (0x0, 0x0008, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)
_NO_CLONE3 = SeccompRule(names=("clone3",), action="SCMP_ACT_ERRNO", errno_ret=errno.ENOSYS)
_ARCHITECTURES: dict[str, tuple[str, ...]] = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
}


@cache
def default_profile() -> Seccomp:
    """Return the profile for this machine's architecture and the ones that it runs as well: one, shared."""
    return _profile(())


def profile_for(capabilities: Iterable[str]) -> Seccomp:
    """Return the default profile, with the calls that these capabilities are for."""
    useful = tuple(sorted(set(capabilities) & _FOR_CAPABILITIES.keys()))
    return _profile(useful) if useful else default_profile()


def _profile(capabilities: tuple[str, ...]) -> Seccomp:
    texts = (_FILES, _MEMORY, _PROCESSES, _TIME, _WAITING, _COMMUNICATION)
    names = set(" ".join((*texts, *(_FOR_CAPABILITIES[name] for name in capabilities))).split())
    # The C library falls back to clone, whose flags a filter can see.
    hidden = () if "clone3" in names else (_NO_CLONE3,)
    return Seccomp(
        default_action="SCMP_ACT_ERRNO",
        default_errno_ret=errno.EPERM,
        architectures=_ARCHITECTURES.get(os.uname().machine, ()),
        syscalls=(SeccompRule(names=tuple(sorted(names)), action="SCMP_ACT_ALLOW"), *_rules_for_arguments(), *hidden),
    )


def _rules_for_arguments() -> tuple[SeccompRule, ...]:
    no_namespace = SeccompArgument(index=0, value=_NAMESPACE_FLAGS, value_two=0, op="SCMP_CMP_MASKED_EQ")
    below = SeccompArgument(index=0, value=_AF_ALG, op="SCMP_CMP_LT")
    between = SeccompArgument(index=0, value=_AF_ALG + 1, op="SCMP_CMP_EQ")
    above = SeccompArgument(index=0, value=_AF_VSOCK, op="SCMP_CMP_GT")
    return (
        SeccompRule(names=("clone",), action="SCMP_ACT_ALLOW", args=(no_namespace,)),
        *(SeccompRule(names=("socket",), action="SCMP_ACT_ALLOW", args=(family,)) for family in (below, between, above)),
        *(
            SeccompRule(
                names=("personality",),
                action="SCMP_ACT_ALLOW",
                args=(SeccompArgument(index=0, value=value, op="SCMP_CMP_EQ"),),
            )
            for value in _SAFE_PERSONALITIES
        ),
    )
