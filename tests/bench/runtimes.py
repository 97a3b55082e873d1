"""crun, runc and pyrunc: how they are given the same container, and run."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.connection import Connection, Failed
from tests.bench.volatile import volatile

_CGROUPS = Path("/sys/fs/cgroup")
# On hosts with cgroup v1 they join every hierarchy there is, pycontainerd four (ADR 9, devices, cgroup2). These are
# as many, for a comparison like with like; crun cannot do without cpuset.
_FEW = ("cpuset", "devices", "memory", "pids")
_CGROUPFS = ("--cgroup-manager=cgroupfs",)
_OURS = str(Path(sys.executable).parent / "pyrunc")
SLEEPING = ("/bin/sleep", "3600")
OBEDIENT = ("/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done")
"""A payload that ends at SIGTERM, as soon as its trap is set."""
_SLEEPS = "-sleeps"
_OBEYS = "-obeys"
_OCI_VERSION = "1.0.2"  # crun 1.8 refuses 1.1 and later; nothing in the document needs them


class Launcher:
    """Runs programs in a mount namespace where these mounts are hidden; the host's stay."""

    def __init__(self, hidden: Sequence[Path]) -> None:
        hide = "".join(f"umount {shlex.quote(str(path))} && " for path in hidden)
        self._process = subprocess.Popen(
            [
                *("/usr/bin/unshare", "--mount", "--propagation", "private"),
                *("/bin/sh", "-c", f'{hide}exec "$@"', "sh", sys.executable, "-m", "tests.bench.launcher"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str) -> float:
        """Return the seconds from spawn to the end. Raises Failed unless it ends with 0."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        seconds, status = json.loads(answer) if answer else (0.0, None)
        if status != 0:
            raise Failed(f"cannot run {' '.join(command)}: wait status {status}")
        return float(seconds)

    def close(self) -> None:
        self._process.communicate()


PLAIN = ", no seccomp"
"""What ways to run a container are named by that have no system calls to filter, as those that `runc spec` writes."""


class Runtime:
    """A program with runc's command line, in one way to run it; `title` names the way."""

    def __init__(self, title: str, options: Sequence[str], bundle: Path, launcher: Launcher) -> None:
        self.title = title
        self.name = title.split(",")[0]
        self._program = _OURS if self.name == "pyrunc" else found(self.name)
        self._command = (self._program, "--root", str(volatile(bundle.parent) / f"{self.name}-state"), *options)
        self._bundle = str(bundle)
        self._launcher = launcher
        self._sleeper = f"{_container_id()}-{self.name}"

    def run(self) -> float:
        """Run the bundle; return the seconds."""
        return self._launcher.run(*self._command, "run", "--bundle", self._bundle, _container_id())

    @contextmanager
    def sleeping(self) -> Iterator[None]:
        """Have a container that sleeps, for `execute`."""
        self._detach(_SLEEPS)
        try:
            yield
        finally:
            self.delete()

    def execute(self) -> float:
        """Run `/bin/true` in the container; return the seconds."""
        return self._launcher.run(*self._command, "exec", self._sleeper, "/bin/true")

    def start(self, *, obedient: bool) -> int:
        """Begin a container that sleeps, or one that ends at SIGTERM, for `kill`; return its pid."""
        self._detach(_OBEYS if obedient else _SLEEPS)
        told = subprocess.run([*self._command, "state", self._sleeper], capture_output=True, check=True).stdout
        return int(json.loads(told)["pid"])

    def kill(self, signal_name: str) -> None:
        self._launcher.run(*self._command, "kill", self._sleeper, signal_name)

    def delete(self) -> None:
        self._launcher.run(*self._command, "delete", "--force", self._sleeper)

    def _detach(self, kind: str) -> None:
        self._launcher.run(*self._command, "run", "--detach", "--bundle", f"{self._bundle}{kind}", self._sleeper)

    def version(self) -> str:
        told = subprocess.run([self._program, "--version"], capture_output=True, text=True, check=True).stdout
        return told.splitlines()[0]


def found(program: str) -> str:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise Failed(f"cannot find {program}: `make bench` installs it")
    return path


def document(connection: Connection, request: bytes) -> dict[str, Any]:
    """Return the OCI document that the request is lowered to, in the version that all of them read."""
    container = connection.json("POST", "/v1/containers", request)["id"]
    oci: dict[str, Any] = connection.json("GET", f"/v1/containers/{container}")["oci"]
    connection.request("DELETE", f"/v1/containers/{container}")
    return {**oci, "ociVersion": _OCI_VERSION}


def write_bundle(folder: Path, document: dict[str, Any]) -> None:
    """Write the document of one of our own containers as a bundle; beside it one that sleeps, one that ends at SIGTERM, and
    one without seccomp."""
    _write(folder, document)
    for kind, args in ((_SLEEPS, SLEEPING), (_OBEYS, OBEDIENT)):
        process = {**document["process"], "args": args}
        _write(folder.with_name(f"{folder.name}{kind}"), {**document, "process": process})
    linux = {key: value for key, value in document["linux"].items() if key != "seccomp"}
    _write(_plain(folder), {**document, "linux": linux})


def _write(folder: Path, document: dict[str, Any]) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(document))


def _plain(bundle: Path) -> Path:
    return bundle.with_name(f"{bundle.name}-plain")


@contextmanager
def runtimes(bundle: Path) -> Iterator[tuple[Launcher, list[Runtime]]]:
    """Have the ways to run the bundle ready; where one failed, remove the cgroups that it left."""
    with ExitStack() as stack:
        stack.callback(_remove_cgroups)
        mounts = [path for path in sorted(_CGROUPS.glob("*")) if path.is_mount()]
        # They take a hybrid layout for cgroup v1, if its cgroup2 mount is out of their sight.
        launcher = _launcher(stack, [path for path in mounts if path.name == "unified"])
        ways = [
            Runtime("crun", _CGROUPFS, bundle, launcher),
            Runtime("runc", (), bundle, launcher),
            Runtime("crun, no cgroup", ("--cgroup-manager=disabled",), bundle, launcher),
            Runtime("pyrunc", (), bundle, launcher),
            *(Runtime(f"{name}{PLAIN}", (), _plain(bundle), launcher) for name in ("runc", "pyrunc")),
        ]
        if mounts:
            few = _launcher(stack, [path for path in mounts if path.name not in _FEW])
            ways[2:2] = [
                Runtime("crun, 4 cgroup hierarchies", _CGROUPFS, bundle, few),
                Runtime("runc, 4 cgroup hierarchies", (), bundle, few),
            ]
        yield launcher, ways


def _launcher(stack: ExitStack, hidden: Sequence[Path]) -> Launcher:
    launcher = Launcher(hidden)
    stack.callback(launcher.close)
    return launcher


def _container_id() -> str:
    return f"pycontainerd-bench-{os.getpid()}"


def _remove_cgroups() -> None:
    """Others may make and remove theirs meanwhile."""
    for folder, names, _files in os.walk(_CGROUPS, topdown=False):
        for name in names:
            if name.startswith(_container_id()):
                Path(folder, name).rmdir()
