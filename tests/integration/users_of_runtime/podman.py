"""podman, with everything of it below one folder."""

import itertools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.users_of_runtime.programs import OciRuntime, call
from tests.oci.runtime import Result

IMAGE = "box:1"
_PATIENCE_S = 20.0
_NUMBERS = itertools.count()

# Limits are given since it would raise them otherwise, which needs CAP_SYS_RESOURCE.
SETTINGS = """
[containers]
netns = "none"
default_ulimits = ["nofile=1024:2048", "nproc=1000:1000"]

[engine]
cgroup_manager = "{cgroups}"
events_logger = "file"
lock_type = "file"
runtime_supports_json = ["pyrunc", "runc"]
tmp_dir = "{folder}/tmp"
"""


class Podman:
    """cgroups: the manager of them; before: a command that executes what follows it."""

    def __init__(
        self, folder: Path, runtime: OciRuntime, *, cgroups: str = "cgroupfs", before: tuple[str, ...] = ()
    ) -> None:
        settings = folder / "containers.conf"
        settings.write_text(SETTINGS.format(folder=folder, cgroups=cgroups))
        self.runtime = runtime
        self._folder = folder
        self.parent = f"/pycontainerd-podman-{os.getpid()}"
        self._environment = {"CONTAINERS_CONF": str(settings)}
        self.command = (
            *(*before, "podman", "--root", f"{folder}/root", "--runroot", f"{folder}/run"),
            *("--storage-driver=vfs", "--runtime", str(runtime.program)),
        )

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Result:
        """In a directory of its own: podman's monitor writes a file "oom" where it is, and leaves it."""
        return call(*self.command, *arguments, stdin=stdin, environment=self._environment, cwd=self._folder)

    def environment(self) -> dict[str, str]:
        return os.environ | self._environment

    def run_words(self, *options: str | Path) -> tuple[str | Path, ...]:
        return ("run", "--cgroup-parent", self.parent, *options)

    def run(self, *options: str | Path, stdin: str | None = None) -> Result:
        return self(*self.run_words("--rm", *options), stdin=stdin)

    def box(self, script: str, *options: str) -> "Box":
        """Begin a container in the background."""
        name = f"box{next(_NUMBERS)}"
        told = self(*self.run_words("--detach", "--name", name, *options, IMAGE, "/bin/sh", "-c", script))
        told.ok()
        return Box(self, name, told.stdout.strip())

    def remove_all(self) -> None:
        self("rm", "--all", "--force", "--time", "0").ok()


class Box:
    """A container that podman has begun."""

    def __init__(self, podman: Podman, name: str, container_id: str) -> None:
        self._podman = podman
        self.name = name
        self.id = container_id

    def __call__(self, command: str, *options: str, stdin: str | None = None) -> Result:
        """Run a command of podman on it, such as "kill"; `options` come before its name."""
        return self._podman(*command.split(), *options, self.name, stdin=stdin)

    def exec(self, *words: str, options: tuple[str, ...] = (), stdin: str | None = None) -> Result:
        return self._podman("exec", *options, self.name, *words, stdin=stdin)

    def inspect(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("container inspect").ok().stdout)[0]
        return found

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.inspect()["State"]
        return found

    def logs(self) -> list[str]:
        return self("logs").ok().stdout.splitlines()

    def says(self, line: str) -> None:
        eventually(lambda: line in self.logs(), f"{self.name} says {line}")


def eventually(condition: Callable[[], Any], about: str) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in {_PATIENCE_S:.0f} s: {about}"
        time.sleep(0.05)
    return found
