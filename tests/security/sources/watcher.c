/* watcher HALF OTHER-HALF: until /stop is there, look into every other process that can be seen, by each way there is, for
   the two halves joined (together they stand nowhere in this process's own arguments). Tells what it found and counted. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char canary[256], buffer[1 << 20];
static long looks, opened, written, attached, found, seen;

static void search(const char *where, ssize_t length)
{
    if (length > 0)
        opened++;
    if (length > 0 && memmem(buffer, length, canary, strlen(canary))) {
        found++;
        printf("found in %s\n", where);
    }
}

static void read_file(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    search(path, read(fd, buffer, sizeof buffer));
    close(fd);
}

static void read_memory(int pid)
{
    char path[64], line[512];
    unsigned long start, end;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "re");
    if (!maps)
        return;
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx rw", &start, &end) == 2 && strstr(line, " rw"))
            for (; start < end; start += sizeof buffer) {
                size_t length = end - start < sizeof buffer ? end - start : sizeof buffer;
                struct iovec ours = {buffer, length}, theirs = {(void *)start, length};
                search("process_vm_readv", process_vm_readv(pid, &ours, 1, &theirs, 1, 0));
                if (memory >= 0)
                    search(path, pread(memory, buffer, length, start));
            }
    if (memory >= 0)
        close(memory);
    fclose(maps);
}

static void overwrite(int pid)
{
    char path[64], target[256] = "";
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (readlink(path, target, sizeof target - 1) < 0 || strstr(target, "/bin/"))
        return; /* the image's own */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int writable = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (writable >= 0) {
        if (write(writable, "bad", 3) == 3) {
            written++;
            printf("written to %s\n", target);
        }
        close(writable);
    }
    close(fd);
}

static void attach(int pid)
{
    if (ptrace(PTRACE_SEIZE, pid, 0, 0))
        return;
    attached++;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    for (int patience = 1000; patience && waitpid(pid, 0, __WALL | WNOHANG) == 0; patience--)
        usleep(100);
    read_memory(pid);
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

int main(int count, char **arguments)
{
    int last = 0;
    if (count != 3)
        return 2;
    snprintf(canary, sizeof canary, "%s%s", arguments[1], arguments[2]);
    puts("watching");
    fflush(stdout);
    while (access("/stop", F_OK)) {
        DIR *proc = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(proc));) {
            int pid = atoi(entry->d_name);
            if (!isdigit(entry->d_name[0]) || pid == getpid())
                continue;
            if (pid > last) {
                last = pid;
                seen++;
            }
            looks++;
            read_file(pid, "environ");
            read_file(pid, "cmdline");
            read_memory(pid);
            overwrite(pid);
            attach(pid);
        }
        closedir(proc);
    }
    printf("looks %ld seen %ld opened %ld attached %ld written %ld found %ld\n", looks, seen, opened, attached, written, found);
    return 0;
}
