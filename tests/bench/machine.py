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
