"""pyrunc in a guest, with systemd making cgroups: a bundle, the command, and what systemd says of the scope."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.oci.bundle import document
from tests.systemd.manager import eventually, systemctl

CGROUPS = Path("/sys/fs/cgroup")
UNIFIED = CGROUPS if (CGROUPS / "cgroup.controllers").exists() else CGROUPS / "unified"
STATE = "/run/pyrunc-test"


def controlled(name: str) -> bool:
    """True where limits of a controller can be set, in either version of cgroups."""
    return name in (UNIFIED / "cgroup.controllers").read_text().split() or (CGROUPS / name).is_dir()


@dataclass
class Bundle:
    """A root file system and a config.json of its own."""

    folder: Path
    root: Path
    id: str

    def configure(self, *args: str, resources: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """changes: by JSON path, with "__" for the dots."""
        paths = {path.replace("__", "."): value for path, value in changes.items()}
        made = document({"root.path": str(self.root), "process.args": list(args)} | paths)
        if resources is not None:
            made["linux"]["resources"] = resources
        (self.folder / "config.json").write_text(json.dumps(made))

    def pyrunc(self, command: str, *options: str, environment: Mapping[str, str] | None = None) -> "Result":
        """Run a command of the package on the container; its id comes after the options that begin with a dash."""
        words = ["/usr/bin/pyrunc", "--root", STATE, "--systemd-cgroup", command]
        return run([*words, *options], cwd=self.folder, environment=environment)

    def start(self, *options: str) -> "Result":
        return self.pyrunc("run", "--detach", *options, self.id)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.pyrunc("state", self.id).checked())
        return found

    def delete(self) -> None:
        self.pyrunc("delete", "--force", self.id).checked()

    @property
    def scope(self) -> str:
        return f"pycontainerd-{self.id}.scope"

    def cgroup(self, unit: str | None = None, file: str = "") -> Path:
        """Return where the scope's cgroup is, or a control file of it, in the hierarchy that has it."""
        name = unit or self.scope
        places = [path for path in CGROUPS.rglob(name) if path.is_dir() and (path / file).exists()]
        assert places, f"no cgroup {name} with {file!r}"
        return places[0] / file


@dataclass(frozen=True)
class Result:
    code: int
    output: str

    def checked(self) -> str:
        assert self.code == 0, self.output
        return self.output


def run(words: list[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> Result:
    """Standard output comes through a file: what goes on in the background would keep a pipe open."""
    with (cwd or Path("/scratch")).joinpath("output").open("w+b") as output:
        code = subprocess.run(
            words, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        ).returncode
        output.seek(0)
        return Result(code, output.read().decode())


def units(pattern: str) -> list[str]:
    """Return the names of all units that are loaded, whatever their state."""
    found = json.loads(systemctl("list-units", "--all", "--output=json", pattern))
    return [one["unit"] for one in found]


@contextmanager
def nothing_left(pattern: str) -> Iterator[None]:
    """No unit, cgroup or state is left of what is done inside."""
    yield
    eventually(lambda: not units(pattern), f"{pattern} is forgotten")
    assert [str(path) for path in CGROUPS.rglob(pattern) if path.is_dir()] == []
    assert not Path(STATE).exists()
