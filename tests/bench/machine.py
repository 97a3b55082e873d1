"""What is said about the machine of a run."""

import datetime
import os
import platform
from pathlib import Path

from containerd_py import __version__
from tests.bench.figures import Machine


def describe(versions: tuple[str, ...], cgroups: str) -> Machine:
    return Machine(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        kernel=platform.release(),
        system=platform.freedesktop_os_release()["PRETTY_NAME"],
        python=platform.python_version(),
        cgroups=cgroups,
        load=" ".join(f"{load:.2f}" for load in os.getloadavg()),
        versions=(f"pycontainerd {__version__}", *versions),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


_HERTZ = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """Processor time of a process so far: utime and stime of proc_pid_stat(5)."""
    return sum(_times(pid)[:2])


def of_both(daemon: int, spawner: int) -> tuple[float, float, float]:
    """Return the seconds of the daemon, of the spawner, and of the children of the latter that have ended."""
    times = _times(spawner)
    return cpu_s(daemon), sum(times[:2]), sum(times[2:])


def _times(pid: int) -> tuple[float, ...]:
    """utime, stime, cutime, cstime."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return tuple(int(each) / _HERTZ for each in fields[11:15])
