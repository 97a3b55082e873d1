/*
 * What the kernel itself takes for a container such as ours: the same namespaces, cgroups, mounts, masks, devices, filter
 * and exec, without a runtime. It reads no specification and checks nothing for safety, so it is a bound, not a rival.
 *
 *     floor ROUNDS ROOTFS FILTER PROGRAM     prints a line a round: nanoseconds from clone to the end of PROGRAM and rmdir
 *
 * FILTER is a file of sock_filter instructions. Everything it makes ends with the container.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const CGROUPS[] = {
    "/sys/fs/cgroup/pids/pycontainerd-bench-floor",
    "/sys/fs/cgroup/memory/pycontainerd-bench-floor",
    "/sys/fs/cgroup/devices/pycontainerd-bench-floor",
    "/sys/fs/cgroup/unified/pycontainerd-bench-floor",
    "/sys/fs/cgroup/pycontainerd-bench-floor", /* cgroup v2 alone */
};
static const char *const ALLOWED_DEVICES[] = {
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
    "c 136:* rwm",
};
static const struct { const char *name; int minor, major; } DEVICES[] = {
    {"null", 3, 1}, {"zero", 5, 1}, {"full", 7, 1}, {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5},
};
static const char *const LINKS[][2] = {
    {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
    {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"},
};
static const char *const READONLY[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
static const char *const MASKED[] = {
    "proc/acpi", "proc/asound", "proc/interrupts", "proc/kcore", "proc/keys", "proc/latency_stats", "proc/sched_debug",
    "proc/scsi", "proc/timer_list", "proc/timer_stats", "sys/devices/virtual/powercap", "sys/firmware",
};

static struct sock_fprog filter;

static void must(long result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "floor: cannot %s: %s\n", what, strerror(errno));
        exit(1);
    }
}

static void put(const char *folder, const char *file, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return; /* not a file of this hierarchy */
    must(write(fd, text, strlen(text)), path);
    close(fd);
}

static void make_cgroups(void)
{
    for (size_t i = 0; i < COUNT(CGROUPS); i++) {
        if (mkdir(CGROUPS[i], 0755) < 0)
            continue; /* the layout has no such hierarchy */
        put(CGROUPS[i], "devices.deny", "a");
        for (size_t j = 0; j < COUNT(ALLOWED_DEVICES); j++)
            put(CGROUPS[i], "devices.allow", ALLOWED_DEVICES[j]);
    }
}

static void join_cgroups(void)
{
    for (size_t i = 0; i < COUNT(CGROUPS); i++)
        put(CGROUPS[i], "cgroup.procs", "0");
}

static void mask(const char *path)
{
    struct stat found;
    if (stat(path, &found) < 0)
        return;
    if (S_ISDIR(found.st_mode))
        must(mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=1"), path);
    else
        must(mount("/dev/null", path, NULL, MS_BIND, NULL), path);
}

static void build_root(const char *rootfs)
{
    unsigned flags = MS_NOSUID | MS_NOEXEC;
    must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "make mounts slave");
    must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind root");
    must(chdir(rootfs), "chdir");
    must(mount("proc", "proc", "proc", flags | MS_NODEV, NULL), "mount proc");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "mount dev");
    must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "mkdir");
    must(mount("devpts", "dev/pts", "devpts", flags, "newinstance,ptmxmode=0666,mode=0620,gid=5"), "mount devpts");
    must(mount("shm", "dev/shm", "tmpfs", flags | MS_NODEV, "mode=1777,size=65536k"), "mount shm");
    must(mount("mqueue", "dev/mqueue", "mqueue", flags | MS_NODEV, NULL), "mount mqueue");
    must(mount("sysfs", "sys", "sysfs", flags | MS_NODEV | MS_RDONLY, NULL), "mount sysfs");
    for (size_t i = 0; i < COUNT(DEVICES); i++) {
        char path[32];
        snprintf(path, sizeof path, "dev/%s", DEVICES[i].name);
        must(mknod(path, S_IFCHR | 0666, makedev(DEVICES[i].major, DEVICES[i].minor)), path);
        must(chmod(path, 0666), path);
    }
    for (size_t i = 0; i < COUNT(LINKS); i++)
        must(symlink(LINKS[i][0], LINKS[i][1]), LINKS[i][1]);
    for (size_t i = 0; i < COUNT(READONLY); i++) {
        if (access(READONLY[i], F_OK) < 0)
            continue;
        must(mount(READONLY[i], READONLY[i], NULL, MS_BIND | MS_REC, NULL), READONLY[i]);
        must(mount(NULL, READONLY[i], NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | flags, NULL), READONLY[i]);
    }
    for (size_t i = 0; i < COUNT(MASKED); i++)
        mask(MASKED[i]);
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "detach the host's root");
}

static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(fd, "make a socket");
    must(ioctl(fd, SIOCSIFFLAGS, &request), "raise lo");
    close(fd);
}

static void drop_rights(void)
{
    const unsigned kept = 0x800405fb;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{.effective = kept, .permitted = kept}};
    for (int number = 0; prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; number++)
        if (number > 31 || !(kept >> number & 1))
            must(prctl(PR_CAPBSET_DROP, number, 0, 0, 0), "limit the bounding set");
    must(syscall(SYS_capset, &header, data), "capset");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter), "load the filter");
}

static void live(const char *rootfs, char *program)
{
    char *args[] = {program, NULL}, *env[] = {NULL};
    join_cgroups();
    must(setsid(), "setsid");
    must(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "_ses.floor"), "join a keyring");
    must(unshare(CLONE_NEWCGROUP), "unshare cgroup");
    build_root(rootfs);
    raise_loopback();
    must(sethostname("floor", 5), "sethostname");
    drop_rights();
    execve(program, args, env);
    must(-1, "execute");
}

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void one(const char *rootfs, char *program)
{
    unsigned long flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS | SIGCHLD;
    int status;
    long begin = now();
    make_cgroups();
    pid_t child = syscall(SYS_clone, flags, NULL, NULL, NULL, 0);
    must(child, "clone");
    if (child == 0)
        live(rootfs, program);
    must(waitpid(child, &status, 0), "wait");
    for (size_t i = 0; i < COUNT(CGROUPS); i++)
        rmdir(CGROUPS[i]);
    long end = now();
    if (status != 0) {
        fprintf(stderr, "floor: it ended with wait status %d\n", status);
        exit(1);
    }
    printf("%ld\n", end - begin);
}

int main(int count, char **args)
{
    static struct sock_filter instructions[BPF_MAXINSNS];
    if (count != 5)
        return 2;
    int fd = open(args[3], O_RDONLY | O_CLOEXEC);
    must(fd, "open the filter");
    long size = read(fd, instructions, sizeof instructions);
    must(size, "read the filter");
    filter = (struct sock_fprog){.len = size / sizeof *instructions, .filter = instructions};
    for (int round = atoi(args[1]); round > 0; round--)
        one(args[2], args[4]);
    return 0;
}
