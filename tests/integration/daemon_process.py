"""A real daemon for tests, everything of it below one folder."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.integration.api_client import Api
from tests.integration.warm_daemon import Forked, WarmDaemon


class Daemon:
    """A daemon process of our own, with everything below one folder.

    warm: what it is forked from the first time. It is executed where there is none, and when it is started again.
    before: what a shell does before it becomes the daemon.
    """

    def __init__(self, folder: Path, warm: WarmDaemon | None = None, *, before: str = "") -> None:
        self.socket = folder / "api.sock"
        self.state_dir = folder / "state"
        self.data_dir = folder / "data"
        self._log = folder / "log"
        self._warm = warm
        self._before = before
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._log_start = 0
        self.errors_expected = False

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Of the log: objects of JSON, as they are where nobody has a terminal or a journal."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{") and line.endswith("}")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["level"] == "error"]

    def start(self, **environment: str) -> None:
        """Start; `answering` waits until it serves."""
        options = ("--socket", str(self.socket), "--state-dir", str(self.state_dir), "--data-dir", str(self.data_dir))
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            if self._warm is not None and self._process is None:
                self._process = self._warm.start(options, os.environ | environment, log)
                return
            command = [sys.executable, "-m", "containerd_py", *options]
            if self._before:
                command = ["/bin/bash", "-c", f'{self._before}; exec "$@"', "bash", *command]
            self._process = subprocess.Popen(command, stderr=log, env=os.environ | environment)

    async def answering(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(30):
            while b'"event": "serving"' not in self._log.read_bytes()[self._log_start :]:
                assert self._process.poll() is None, self.log
                await asyncio.sleep(0.01)

    def kill(self) -> None:
        """SIGKILL, as by the kernel's OOM killer."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def come_back(self) -> None:
        """Another one takes the place of one that has died; it is made as the first was."""
        self.wait()
        self._process = None
        self.start()
        await self.answering()

    @property
    def has_died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def expect_errors(self) -> None:
        """The test has provoked errors: their lines in the log are meant."""
        self.errors_expected = True

    def wait(self) -> int:
        """Return the exit code of a daemon that ends by itself."""
        assert self._process is not None
        return self._process.wait(timeout=30)

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
        return self._process.wait(timeout=30)

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
