"""dockerd with everything of it below one folder: its HTTP API, which ours is compared with, and its command line."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import cgroups
from tests.bench.connection import Connection, Failed
from tests.bench.peers.debian import Absent, program
from tests.bench.peers.service import Service
from tests.bench.volatile import volatile

_IMAGE = "bench:1"
_PARENT = "pycontainerd-bench-docker"
_API = "/v1.41"
# Neither a bridge nor rules of a firewall: containers get a network of their own with nothing in it, as ours do.
_SETTINGS: dict[str, object] = {
    **dict.fromkeys(("iptables", "ip6tables", "ip-forward", "ip-masq", "userland-proxy"), False),
    "bridge": "none",
    "log-level": "error",
    "cgroup-parent": f"/{_PARENT}",
}


class Docker:
    def __init__(self, folder: Path, service: Service) -> None:
        self._folder = folder
        self.service = service
        self.socket = f"{folder}/sock"

    def connect(self) -> Connection:
        return Connection(self.socket)

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the command line of Debian's client."""
        return (program("docker"), "--config", f"{self._folder}/client", "--host", f"unix://{self.socket}", *arguments)

    def run_command(self, *args: str) -> tuple[str, ...]:
        """Return what runs a container, removes it, and has no log."""
        return self.command("run", "--rm", "--network=none", "--cgroupns=private", "--log-driver=none", _IMAGE, *args)

    def life(self, connection: Connection) -> float:
        """Have a container live from create to delete, as ours do; return the seconds."""
        begin = time.perf_counter()
        container = self.create(connection, "/bin/true")
        self.act(connection, container, "start")
        ended = connection.json("POST", f"{_API}/containers/{container}/wait")
        connection.request("DELETE", f"{_API}/containers/{container}")
        if ended["StatusCode"] != 0:
            raise Failed(f"cannot measure docker's container: it ended with {ended}")
        return time.perf_counter() - begin

    def create(self, connection: Connection, *args: str, log: dict[str, Any] | None = None, stdin: bool = False) -> str:
        request = {
            "Image": _IMAGE,
            "Cmd": args,
            "HostConfig": {"NetworkMode": "none", "CgroupnsMode": "private", **({"LogConfig": log} if log else {})},
            **({"OpenStdin": True, "AttachStdin": True, "AttachStdout": True} if stdin else {}),
        }
        made: str = connection.json("POST", f"{_API}/containers/create", json.dumps(request).encode())["Id"]
        return made

    def started(self, connection: Connection, *args: str) -> str:
        container = self.create(connection, *args)
        self.act(connection, container, "start")
        return container

    def act(self, connection: Connection, container: str, action: str) -> bytes:
        return connection.request("POST", f"{_API}/containers/{container}/{action}")

    def execute(self, connection: Connection, container: str, *args: str) -> float:
        """Return the seconds until its end: the stream of its output ends then."""
        begin = time.perf_counter()
        request = json.dumps({"Cmd": args}).encode()
        made = connection.json("POST", f"{_API}/containers/{container}/exec", request)["Id"]
        connection.request("POST", f"{_API}/exec/{made}/start", b'{"Detach": true}')
        while connection.json("GET", f"{_API}/exec/{made}/json")["Running"]:
            time.sleep(0.0005)
        return time.perf_counter() - begin

    def list(self, connection: Connection) -> bytes:
        return connection.request("GET", f"{_API}/containers/json")

    def inspect(self, connection: Connection, container: str) -> bytes:
        return connection.request("GET", f"{_API}/containers/{container}/json")

    def pid(self, connection: Connection, container: str) -> int:
        return int(json.loads(self.inspect(connection, container))["State"]["Pid"])

    def logs(self, connection: Connection, container: str) -> bytes:
        return connection.request("GET", f"{_API}/containers/{container}/logs?stdout=1")

    def attach_path(self, container: str) -> str:
        return f"{_API}/containers/{container}/attach?stream=1&stdin=1&stdout=1"

    def remove(self, connection: Connection, container: str) -> None:
        connection.request("DELETE", f"{_API}/containers/{container}?force=1")

    def remove_all(self) -> None:
        with self.connect() as connection:
            for each in connection.json("GET", f"{_API}/containers/json?all=1"):
                self.remove(connection, each["Id"])


@contextmanager
def running(folder: Path, rootfs: Path) -> Iterator[Docker]:
    """Have a daemon with the root file system as an image. Raises Absent."""
    daemon = program("dockerd")
    program("docker")
    folder.mkdir()
    settings = folder / "daemon.json"
    settings.write_text(json.dumps(_SETTINGS | _places(folder)))
    service = Service((daemon, "--config-file", str(settings)), folder / "log")
    docker = Docker(folder, service)
    try:
        _begin(docker, rootfs)
        try:
            yield docker
        finally:
            docker.remove_all()
    finally:
        service.stop()
        cgroups.remove(_PARENT)


def _places(folder: Path) -> dict[str, object]:
    return {
        "data-root": f"{folder}/data",
        "exec-root": str(volatile(folder) / "exec"),
        "pidfile": f"{folder}/pid",
        "hosts": [f"unix://{folder}/sock"],
        "deprecated-key-path": f"{folder}/key.json",
    }


def _begin(docker: Docker, rootfs: Path) -> None:
    try:
        docker.service.wait_until(lambda: _answers(docker))
        with subprocess.Popen([program("tar"), "-C", str(rootfs), "-c", "."], stdout=subprocess.PIPE) as archive:
            subprocess.run(docker.command("import", "-", _IMAGE), stdin=archive.stdout, capture_output=True, check=True)
    except (Failed, subprocess.CalledProcessError) as problem:
        raise Absent(f"dockerd cannot: {problem}") from problem


def _answers(docker: Docker) -> bool:
    try:
        with docker.connect() as connection:
            return connection.request("GET", "/_ping") == b"OK"
    except (FileNotFoundError, ConnectionRefusedError):
        return False
