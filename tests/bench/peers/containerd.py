"""containerd with everything of it below one folder, and its client `ctr`. Containers are given as OCI documents."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import cgroups
from tests.bench.connection import Failed
from tests.bench.peers.debian import Absent, program
from tests.bench.peers.service import Service
from tests.bench.volatile import volatile

_NAME = "pycontainerd-bench-ctr"
_SETTINGS = """
version = 2
root = "{folder}/root"
state = "{state}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{folder}/sock"
[ttrpc]
  address = "{folder}/sock.ttrpc"
"""
_NUMBERS = itertools.count()


class Containerd:
    """document: as in the bundles of crun and runc; its root file system is used as it is, without a snapshot."""

    def __init__(self, folder: Path, service: Service, document: dict[str, Any]) -> None:
        self._folder = folder
        self._document = document
        self.service = service

    def command(self, *arguments: str) -> tuple[str, ...]:
        return (program("ctr"), "--address", f"{self._folder}/sock", "--namespace", "bench", *arguments)

    def run_command(self, *args: str) -> tuple[str, ...]:
        """Return what runs a container and removes it; its output goes to the client."""
        return self._run(args, "--rm")

    def start(self, *args: str) -> str:
        """Begin a container in the background and return its name."""
        command = self._run(args, "--detach", "--null-io")
        self._call(command)
        return command[-1]

    def exec_command(self, container: str, *args: str) -> tuple[str, ...]:
        number = str(next(_NUMBERS))
        return self.command(*("task", "exec", "--exec-id", number, "--fifo-dir", self._fifos, container), *args)

    def kill_command(self, container: str, signal_name: str) -> tuple[str, ...]:
        return self.command("task", "kill", "--signal", signal_name, container)

    def pid(self, container: str) -> int:
        lines = [line.split() for line in self._call(self.command("task", "list")).splitlines()]
        return next(int(line[1]) for line in lines if line[0] == container)

    def remove(self, container: str) -> None:
        self._call(self.command("task", "delete", "--force", container))
        self._call(self.command("container", "delete", container))

    def remove_all(self) -> None:
        for container in self._call(self.command("container", "list", "--quiet")).split():
            self.remove(container)

    @property
    def _fifos(self) -> str:
        return f"{self._folder}/fifos"

    def _run(self, args: tuple[str, ...], *options: str) -> tuple[str, ...]:
        name = f"{_NAME}{next(_NUMBERS)}"
        runtime = ("--config", str(self._settings(args)), "--fifo-dir", self._fifos)
        return self.command("run", *options, *runtime, name)

    def _settings(self, args: tuple[str, ...]) -> Path:
        """Return the document that has these args; it is written once."""
        path = self._folder / f"{' '.join(args).replace('/', '_')[:60]}.json"
        if not path.exists():
            process = {**self._document["process"], "args": args}
            linux = {key: value for key, value in self._document["linux"].items() if key != "cgroupsPath"}
            path.write_text(json.dumps({**self._document, "process": process, "linux": linux}))
        return path

    def _call(self, command: tuple[str, ...]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"cannot run {' '.join(command)}: {done.stderr.strip()}")
        return done.stdout


@contextmanager
def running(folder: Path, document: dict[str, Any]) -> Iterator[Containerd]:
    """Raises Absent."""
    daemon = program("containerd")
    program("ctr")
    folder.mkdir()
    settings = folder / "config.toml"
    settings.write_text(_SETTINGS.format(folder=folder, state=volatile(folder) / "state"))
    service = Service((daemon, "--config", str(settings), "--log-level", "error"), folder / "log")
    containerd = Containerd(folder, service, document)
    try:
        try:
            service.wait_until(lambda: _answers(containerd))
        except Failed as problem:
            raise Absent(f"containerd cannot: {problem}") from problem
        try:
            yield containerd
        finally:
            containerd.remove_all()
    finally:
        service.stop()
        cgroups.remove(_NAME)


def _answers(containerd: Containerd) -> bool:
    return subprocess.run(containerd.command("version"), capture_output=True, check=False).returncode == 0
