"""An OCI runtime as its callers see it: a program with runc's command line."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it and the payload that it began had written by then."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)

    def ok(self) -> Self:
        assert self.code == 0, f"exit code {self.code}: {self.stderr}{self.stdout}"
        return self


@contextmanager
def ended_input() -> Iterator[int]:
    """An input with nothing in it. Not /dev/null: crun gives that, the host's, to whom a container's root is outside."""
    read, write = os.pipe()
    os.close(write)
    try:
        yield read
    finally:
        os.close(read)


@dataclass
class Running:
    """A command of the runtime that was started. Its output goes to files: a payload that lives on holds no pipe open."""

    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]

    def output(self) -> str:
        return os.pread(self.stdout.fileno(), 2**24, 0).decode(errors="replace")

    def errors(self) -> str:
        return os.pread(self.stderr.fileno(), 2**24, 0).decode(errors="replace")

    def wait(self, timeout_s: float = _DEADLINE_S) -> Result:
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return Result(code, self.output(), self.errors())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.stdout.close()
        self.stderr.close()


@dataclass
class Runtime:
    """kind: "pyrunc", "runc" or "crun"; version: that of the program; root: its state directory, None for its own choice.

    through: a command that executes what follows it.
    """

    program: str
    kind: str
    version: tuple[int, ...]
    root: Path | None
    through: tuple[str, ...] = ()
    started: list[Running] = field(default_factory=list)

    @property
    def options(self) -> tuple[str, ...]:
        own = ("--cgroup-manager=cgroupfs",) if self.kind == "crun" else ()
        return (*(("--root", str(self.root)) if self.root else ()), *own)

    def begin(
        self, *arguments: str | Path, stdin: int | IO[bytes] | None = None, before: str = "", **process: Any
    ) -> Running:
        """Start a command. stdin: None is an end of input at once; before: what a shell does before it becomes the
        command; `process` goes to Popen."""
        command = [*self.through, self.program, *self.options, *map(str, arguments)]
        if before:
            command = ["/bin/bash", "-c", f'{before}; exec "$@"', "bash", *command]
        stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed by Running
        with ended_input() as ended:
            streams: dict[str, Any] = {"stdin": ended if stdin is None else stdin, "stdout": stdout, "stderr": stderr}
            running = Running(subprocess.Popen(command, **streams | process), stdout, stderr)
        self.started.append(running)
        return running

    def __call__(self, *arguments: str | Path, **process: Any) -> Result:
        return self.begin(*arguments, **process).wait()

    def close(self) -> None:
        for running in self.started:
            running.close()
        self.started.clear()


def identify(program: str, root: Path | None = None) -> Runtime:
    """Find out by `--version` which runtime a program is."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"(\S+) version (\d+(?:\.\d+)*)", told)
    assert found, f"not the version of an OCI runtime: {told!r}"
    return Runtime(program, found[1], tuple(map(int, found[2].split("."))), root)


_CONDITION = re.compile(r"(?P<kind>[a-z]+)(?:<(?P<version>\d+(?:\.\d+)*))?")


def concerns(condition: str, runtime: Runtime) -> bool:
    """Tell whether "runc", or "runc<1.2", means this runtime."""
    found = _CONDITION.fullmatch(condition)
    assert found, f"not a runtime: {condition!r}"
    if found["kind"] != runtime.kind:
        return False
    return not found["version"] or runtime.version < tuple(map(int, found["version"].split(".")))
