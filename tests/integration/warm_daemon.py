"""A process that has imported the daemon and becomes one as often as it is asked: that spares a test half a second.

Run as a program it is that process; each daemon is a child of whoever runs it (CLONE_PARENT), as if started by exec.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_REQUEST_BYTES = 1 << 20
_ROOT = Path(__file__).resolve().parents[2]


class Forked:
    """A daemon that was forked, with what tests use of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal. Raises subprocess.TimeoutExpired."""
        if self._code is None:
            pidfd = os.pidfd_open(self.pid)
            try:
                ended = select.select([pidfd], [], [], timeout)[0]
            finally:
                os.close(pidfd)
            if not ended:
                raise subprocess.TimeoutExpired("daemon", timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class WarmDaemon:
    """The process that daemons are forked from; it ends with this context."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(20)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST_BYTES)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.warm_daemon"], stdin=theirs.fileno(), cwd=_ROOT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _problem: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._process.wait(timeout=30)

    def start(self, options: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Forked:
        """Start a daemon in our current directory, with its messages in `log`."""
        request = json.dumps({"options": options, "environment": dict(environment), "directory": str(Path.cwd())})
        socket.send_fds(self._socket, [request.encode()], [1, log.fileno()])
        return Forked(int(self._socket.recv(32)))


def main() -> int:
    from containerd_py.__main__ import main as become_daemon
    from containerd_py.__main__ import quick_imports
    from containerd_py.runtime.linux.process import Clone, clone3

    with quick_imports():
        import uvloop  # noqa: F401

        from containerd_py import config, daemon, log  # noqa: F401

    requests = socket.socket(fileno=os.dup(0))
    while True:
        data, descriptors, _flags, _address = socket.recv_fds(requests, _REQUEST_BYTES, 2)
        if not data:
            return 0
        pid, pidfd = clone3(Clone.PARENT)
        if pid == 0:
            requests.close()
            _take_place(json.loads(data), *descriptors)
            return become_daemon()
        requests.send(str(pid).encode())
        for descriptor in (*descriptors, pidfd):
            os.close(descriptor)


def _take_place(request: dict[str, object], output: int, log: int) -> None:
    """Have what a daemon has that was executed."""
    os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
    os.dup2(output, 1)
    os.dup2(log, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(str(request["directory"]))
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    sys.argv = [sys.argv[0], *request["options"]]  # type: ignore[misc]


if __name__ == "__main__":
    sys.exit(main())
