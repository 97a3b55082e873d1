/* calls NAME...: make a system call by each way that this processor has, and tell its errno, or the signal that ended it.
   The calls are harmless: each is given arguments that the kernel refuses, if the filter has not before. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct { const char *name; long native, i386; } CALLS[] = {
#if defined(__x86_64__)
    {"mkdirat", SYS_mkdirat, 296}, {"mount", SYS_mount, 21}, {"keyctl", SYS_keyctl, 288}, {"bpf", SYS_bpf, 357},
    {"ptrace", SYS_ptrace, 26}, {"unshare", SYS_unshare, 310}, {"kexec_load", SYS_kexec_load, 283},
    {"open_by_handle_at", SYS_open_by_handle_at, 342}, {"userfaultfd", SYS_userfaultfd, 374},
    {"add_key", SYS_add_key, 286}, {"init_module", SYS_init_module, 128}, {"setns", SYS_setns, 346},
    {"io_uring_setup", 425, 425}, {"fsopen", 430, 430}, {"move_mount", 429, 429}, {"clone3", 435, 435},
    {"unknown", 700, 700}, {"getpid", SYS_getpid, 20},
#endif
};

static long by_i386(long number)
{
#if defined(__x86_64__)
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(-1L), "c"(-1L), "d"(-1L), "S"(-1L) : "memory", "cc");
    return (int)result;
#else
    return -ENOSYS;
#endif
}

static long ask(int way, long native, long i386)
{
    if (way == 1)
        return by_i386(i386);
    long result = syscall(way == 2 ? native | 0x40000000 : native, -1L, -1L, -1L, -1L, -1L);
    return result == -1 ? -errno : result;
}

int main(int count, char **names)
{
    static const char *const WAYS[] = {"native", "i386", "x32"};
    for (int way = 0; way < 3; way++)
        for (int number = 1; number < count; number++)
            for (size_t at = 0; at < sizeof CALLS / sizeof *CALLS; at++) {
                int status;
                if (strcmp(CALLS[at].name, names[number]))
                    continue;
                pid_t child = fork();
                if (child == 0) {
                    long result = ask(way, CALLS[at].native, CALLS[at].i386);
                    _exit(result < 0 && result > -250 ? -result : 0);
                }
                waitpid(child, &status, 0);
                printf("%s %s ", WAYS[way], names[number]);
                if (WIFSIGNALED(status))
                    printf("SIG%s\n", sigabbrev_np(WTERMSIG(status)));
                else
                    printf("%s\n", WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "0");
                fflush(stdout);
            }
    return 0;
}
