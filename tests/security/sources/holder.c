/* Traces every other process that it can see, and takes no notice of what it is told of them, until /stop is there. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

static int ended(int pid)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof line, file))
        line[0] = 0;
    fclose(file);
    return strstr(line, ") Z ") != 0;
}

int main(void)
{
    int held = 0;
    while (access("/stop", F_OK)) {
        DIR *proc = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(proc));) {
            int pid = atoi(entry->d_name);
            if (!isdigit(entry->d_name[0]) || pid == getpid())
                continue;
            if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
                held = pid;
                puts("held");
            }
        }
        closedir(proc);
        if (held && ended(held)) {
            puts("ended");
            held = 0;
        }
        fflush(stdout);
        usleep(1000);
    }
    return 0;
}
