"""The guest's service manager, and our daemon in it, asked as an administrator would."""

import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from containerd_py.client.sync import SyncClient
from containerd_py.wire import ContainerSpec

SERVICE = "pycontainerd.service"
PATIENCE_S = 30.0
_NUMBERS = itertools.count()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def systemctl(*arguments: str) -> str:
    return run("systemctl", *arguments)


def shown(name: str, unit: str = SERVICE) -> str:
    """Return a property of a unit."""
    return systemctl("show", "-P", name, unit)


@contextmanager
def with_settings(text: str) -> Iterator[None]:
    """Run the service with further lines of its [Service] section, from a start to the next one."""
    drop_in = Path(f"/run/systemd/system/{SERVICE}.d/test{next(_NUMBERS):03}.conf")  # what is later in the alphabet counts
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text(f"[Service]\n{text}\n")
    anew()
    yield
    drop_in.unlink()
    anew()


def anew() -> None:
    """Start the service again, with what its unit says now."""
    systemctl("daemon-reload")
    systemctl("restart", SERVICE)


def eventually(condition: Callable[[], Any], about: str) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not in {PATIENCE_S:.0f} s: {about}"
        time.sleep(0.05)
    return found


def main_pid() -> int:
    return int(shown("MainPID"))


def spawner_pid() -> int:
    """Return the pid of the spawner, which is in the service's cgroup, once there is one."""

    def asked() -> int | None:
        with SyncClient() as client:
            return client.info().spawner_pid

    return int(eventually(asked, "there is a spawner"))


def started(root: Path, script: str, **fields: Any) -> str:
    """Return a container that runs a script of its shell."""
    with SyncClient() as client:
        spec = ContainerSpec(rootfs=str(root), args=("/bin/sh", "-c", script), **fields)
        container = client.create(spec).id
        client.start(container)
    return container


def output(container: str) -> bytes:
    with SyncClient() as client:
        return b"".join(client.logs(container))


def status(container: str) -> str:
    with SyncClient() as client:
        return client.container(container).status


def removed(container: str) -> None:
    with SyncClient() as client:
        client.delete(container, force=True)


def journal(*matches: str) -> list[dict[str, Any]]:
    """Return the entries of the journal that match, the oldest first."""
    run("journalctl", "--sync")
    lines = run("journalctl", "--quiet", "--all", "--output=json", *matches).splitlines()
    return [json.loads(line) for line in lines]
