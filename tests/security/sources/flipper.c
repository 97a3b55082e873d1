/* flipper ONE OTHER: exchange two names as fast as it goes, until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **names)
{
    puts("flipping");
    fflush(stdout);
    while (count == 3)
        if (syscall(SYS_renameat2, AT_FDCWD, names[1], AT_FDCWD, names[2], 2)) {
            perror("renameat2");
            return 1;
        }
    return 2;
}
