"""`make bench`: measure against runtimes and engines in one run, whose rounds alternate so that noise hits all alike.

Sections stand alone: each has a daemon and peers of its own, and its results are kept, so that the page can be written
anew after one of them. No figure here is a test: none fails a build.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import figures, machine, page, report
from tests.bench.connection import Connection, Failed
from tests.bench.daemon import Daemon
from tests.bench.figures import Machine, Section
from tests.bench.ground import Size, prepared
from tests.bench.peers import debian
from tests.bench.rootfs import make_rootfs
from tests.bench.sections.every import SECTIONS
from tests.bench.volatile import removed_with

_NUMBER = re.compile(r"\b\d+\.\d+[\w.+~-]*")
_VERSIONS = {
    "crun": "--version",
    "runc": "--version",
    "podman": "--version",
    "containerd": "--version",
    "dockerd": "--version",
}


def main() -> int:
    options = _options()
    if os.geteuid() != 0:
        sys.stderr.write("bench: must be root\n")
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    size = Size(options.rounds, options.containers, options.peers, options.mebibytes)
    for name in options.only:
        try:
            section = measure(name, size)
        except Failed as failure:
            sys.stderr.write(f"bench: {name}: {failure}\n")
            return 1
        sys.stdout.write("\n".join(report.text(section)) + "\n")
        sys.stdout.flush()
        figures.write(options.results, section)
    if options.page:
        page.write(options.page, figures.read(options.results, list(SECTIONS)))
    return 0


def measure(name: str, size: Size) -> Section:
    """Raises Failed."""
    # below /tmp: the path of a socket has 107 bytes at most
    with tempfile.TemporaryDirectory(prefix="pycontainerd-bench.", dir="/tmp") as place:
        folder = Path(place)
        with removed_with(folder):
            here = _here(folder)
            begin = time.perf_counter()
            with prepared(folder, make_rootfs(folder), size) as ground:
                measured = SECTIONS[name](ground)
        return Section(name, here, str(size), time.perf_counter() - begin, measured)


def _here(folder: Path) -> Machine:
    place = folder / "asked"
    place.mkdir()
    daemon = Daemon(place)
    try:
        daemon.start()
        with Connection(daemon.socket) as connection:
            driver = connection.json("GET", "/v1/info")["cgroup_driver"]
    finally:
        daemon.stop()
    return machine.describe(_versions(), driver)


def _versions() -> tuple[str, ...]:
    found = []
    for name, option in _VERSIONS.items():
        try:
            found.append(f"{name} {_NUMBER.findall(debian.version(name, option))[0]}")
        except debian.Absent:
            continue
    return tuple(found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure against runtimes and engines.")
    parser.add_argument("--rounds", type=int, default=60, help="how often each contestant has its turn (default: 60)")
    parser.add_argument("--containers", type=int, default=1000, help="how many run at once (default: 1000)")
    parser.add_argument("--peers", type=int, default=100, help="how many of the slower engines' run at once (default: 100)")
    parser.add_argument("--mebibytes", type=int, default=1024, help="how much a payload writes (default: 1024)")
    parser.add_argument(
        "--only", action="append", choices=[*SECTIONS, "page"], help="this section; may be given again; page: none of them"
    )
    parser.add_argument(
        "--results", type=Path, metavar="FOLDER", default=Path("build/bench"), help="what is kept (default: build/bench)"
    )
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write this page, and charts beside it, from all that is kept"
    )
    options = parser.parse_args()
    if options.rounds < 2 or options.containers < 8 or options.peers < 2 or options.mebibytes < 1:
        parser.error("--rounds and --peers must be 2 or more, --containers 8 or more, --mebibytes 1 or more")
    options.only = [name for name in SECTIONS if options.only is None or name in options.only]
    return options


if __name__ == "__main__":
    sys.exit(main())
