"""A daemon to be measured, in a session of its own: Ctrl-C is for the bench, which then ends it in good order."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.connection import Connection, Failed
from tests.bench.volatile import volatile

_PATIENCE_S = 20.0
_PAUSE_S = 0.001


class Daemon:
    """Everything of it is below `folder`, which must be there, and its twin in memory.

    options: of its command line, further ones.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._options = options
        self.socket = str(folder / "api.sock")
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Return the seconds from its exec to its first answer."""
        begin = time.perf_counter()
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "containerd_py", "--socket", self.socket),
                    *("--state-dir", str(volatile(self._folder) / "state"), "--data-dir", str(self._folder / "data")),
                    *self._options,
                ],
                stderr=log,
                start_new_session=True,
            )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - begin > _PATIENCE_S:
                raise Failed(f"cannot start daemon: {(self._folder / 'log').read_text()}")
            time.sleep(_PAUSE_S)
        return time.perf_counter() - begin

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, as by the kernel's OOM killer; `start` brings another one in its place."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> float:
        """Kill it, as if it had crashed, and start it anew; return the seconds as `start`."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=_PATIENCE_S)
        return self.start()

    def stop(self) -> None:
        """Remove what containers there are and end it; its spawner ends with it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            if process.poll() is None and self._answers():
                self._remove_containers()
        finally:
            process.terminate()
            process.wait(timeout=_PATIENCE_S)

    def _answers(self) -> bool:
        try:
            with Connection(self.socket) as connection:
                return connection.request("GET", "/v1/_ping") == b"OK\n"
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def _remove_containers(self) -> None:
        with Connection(self.socket) as connection:
            for container in connection.json("GET", "/v1/containers")["containers"]:
                with contextlib.suppress(Failed):  # a client that was broken off has it removed this moment
                    connection.request("DELETE", f"/v1/containers/{container['id']}?force=true")


def body(rootfs: Path, *args: str) -> bytes:
    """Return the request for a container with all defaults."""
    return json.dumps({"rootfs": str(rootfs), "args": args}).encode()
