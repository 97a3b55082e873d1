"""Somebody sets the clock by years while things are under way: what waits goes by a clock that nobody sets."""

import asyncio
import os
import struct
import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.api.test_health import health as health_of
from tests.integration.daemon_process import Daemon
from tests.integration.recovery.test_daemon_loss import remove, start

_SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static long *offset;
__attribute__((constructor)) static void begin(void) {
    int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
    offset = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
}
int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    if (offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""
_YEARS_S = 10 * 365 * 86_400


class Clock:
    """The wall clock of daemons that are started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self._library = folder / "clock.so"
        self.set_by(0)
        (folder / "clock.c").write_text(_SOURCE)
        subprocess.run(
            ["/usr/bin/gcc", "-shared", "-fPIC", "-O1", "-o", self._library, folder / "clock.c", "-ldl"], check=True
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "CLOCK_OFFSET": str(self._offset)}

    def set_by(self, seconds: int) -> None:
        fd = os.open(self._offset, os.O_WRONLY | os.O_CREAT)
        os.write(fd, struct.pack("l", seconds))
        os.close(fd)


_WAYS = pytest.mark.parametrize("years_s", [_YEARS_S, -_YEARS_S], ids=["forward", "back"])


@_WAYS
async def test_a_clock_that_is_set_ends_nothing_too_soon_or_too_late(
    daemon: Daemon, rootfs: Path, tmp_path: Path, years_s: int
) -> None:
    clock = Clock(tmp_path)
    daemon.stop()
    daemon.start(**clock.environment)
    await daemon.answering()
    health = {"exec": ["/bin/true"], "interval_s": 0.1, "timeout_s": 20}
    async with daemon.api() as api:
        slow = "trap 'sleep 1; exit 6' TERM; echo up; while :; do sleep 0.05; done"
        container = await start(api, rootfs, "/bin/sh", "-c", slow, health=health)
        again = await start(api, rootfs, "/bin/sh", "-c", "sleep 0.3; exit 1", restart="on-failure:2")
        async with asyncio.timeout(30):
            while not (await api.get(f"/v1/containers/{container}/logs")).body:
                await asyncio.sleep(0.01)
        stopping = asyncio.ensure_future(api.post(f"/v1/containers/{container}/stop?timeout=20"))
        await asyncio.sleep(0.2)
        clock.set_by(years_s)
        made = (await api.get(f"/v1/containers/{await start(api, rootfs, '/bin/true')}")).json
        assert abs(int(made["created_at"][:4]) - time.gmtime(time.time() + years_s).tm_year) <= 1  # the daemon sees it so
        assert (await stopping).json["exit_code"] == 6  # it was given the time that it takes
        async with asyncio.timeout(30):
            while (found := (await api.get(f"/v1/containers/{again}")).json)["restart_count"] < 2 or found[
                "status"
            ] != "stopped":
                await asyncio.sleep(0.02)
        assert (await api.get(f"/v1/containers/{container}")).json["exit"]["ran_s"] < 60
        clock.set_by(0)
        for one in (container, again, made["id"]):
            await remove(api, one)
    daemon.stop()
    daemon.start()
    await daemon.answering()


@_WAYS
async def test_a_start_period_goes_on_under_the_next_daemon(
    daemon: Daemon, rootfs: Path, tmp_path: Path, years_s: int
) -> None:
    clock = Clock(tmp_path)
    health = {"exec": ["/bin/false"], "interval_s": 0.1, "retries": 1, "start_period_s": 1000}
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sleep", "100", health=health)
    daemon.stop()
    clock.set_by(years_s)
    daemon.start(**clock.environment)
    await daemon.answering()
    year = time.gmtime(time.time() + years_s).tm_year
    async with daemon.api() as api:
        async with asyncio.timeout(30):
            while not [one for one in (await health_of(api, container))["results"] if _year(one["started_at"]) == year]:
                await asyncio.sleep(0.02)
        assert (await health_of(api, container))["status"] == "starting"
        await remove(api, container)
    daemon.stop()
    daemon.start()
    await daemon.answering()


def _year(moment: str) -> int:
    return int(moment[:4])
