"""A real daemon for tests, everything of it below one folder."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from tests.integration.api_client import Api


class Daemon:
    """A daemon process of our own, with everything below one folder."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "api.sock"
        self.state_dir = folder / "state"
        self.data_dir = folder / "data"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self.errors_expected = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self, **environment: str) -> None:
        """Start; `answering` waits until it serves."""
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "containerd_py", "--socket", str(self.socket)),
                    *("--state-dir", str(self.state_dir), "--data-dir", str(self.data_dir)),
                ],
                stderr=log,
                env=os.environ | environment,
            )

    async def answering(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(20):
            while b"event=serving" not in self._log.read_bytes()[self._log_start :]:
                assert self._process.poll() is None, self.log
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL, as by the kernel's OOM killer."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def expect_errors(self) -> None:
        """The test has provoked errors: their lines in the log are meant."""
        self.errors_expected = True

    def wait(self) -> int:
        """Return the exit code of a daemon that ends by itself."""
        assert self._process is not None
        return self._process.wait(timeout=20)

    def end_spawner(self) -> None:
        """Have the spawner end that a daemon without containers left behind, by asking it as the next daemon would."""
        self.socket = self.socket.with_name("last.sock")
        self.start()
        self.stop()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(timeout=20)

    @contextlib.asynccontextmanager
    async def api(self, socket: Path | None = None) -> AsyncIterator[Api]:
        """socket: another one than its first."""
        connector = aiohttp.UnixConnector(str(socket or self.socket))
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
            yield Api(session)

    def close(self) -> None:
        """End the daemon at once, where a test failed half-way."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
