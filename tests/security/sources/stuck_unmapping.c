/* Keeps the lock of its own memory from whoever wants it, for as long as a server likes.

   stuck_unmapping FILE: of a file system by FUSE. One thread unmaps what it has written to: that is written back first,
   under the lock. The other one maps something, and waits to have the lock alone; from then on nobody is let in before. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 4096

static void *unmap(void *page)
{
    *(char *)page = 1;
    munmap(page, SIZE);
    return 0;
}

int main(int count, char **arguments)
{
    int file = count == 2 ? open(arguments[1], O_RDWR | O_CLOEXEC) : -1;
    void *page = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    pthread_t thread;
    if (page == MAP_FAILED || pthread_create(&thread, 0, unmap, page))
        return 1;
    for (;;)
        munmap(mmap(0, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), SIZE);
}
