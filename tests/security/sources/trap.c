/* A library in an image under every name that a C library loads by itself. Who loads it leaves a file in the root. */
#include "bare.h"

__attribute__((constructor)) static void spring(void)
{
    OPEN("/sprung-library", O_CREAT | O_WRONLY, 0600);
}
