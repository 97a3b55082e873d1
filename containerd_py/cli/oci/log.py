"""The log: the file of `--log`, in which callers look for the reason of a failure, else stderr; in runc's two formats."""

from __future__ import annotations

import os
import time

from containerd_py.errors import InvalidArgument, errno_name
from containerd_py.light import contextlib, json


class Log:
    """Entries are appended; the file is opened for each of them, since descriptors from 3 on may be the container's."""

    def __init__(self, path: str | None, *, as_json: bool = False, debug: bool = False) -> None:
        """Make the file where it is missing. Raises InvalidArgument where it cannot be written."""
        self._path = path
        self._as_json = as_json
        self.debugging = debug
        if path:
            try:
                self._append(b"")
            except OSError as problem:
                raise InvalidArgument(
                    f"cannot write log {path!r}: {problem.strerror}", step="log", errno=errno_name(problem.errno)
                ) from problem

    def error(self, message: str) -> None:
        """On stderr it stands already."""
        if self._path:
            self._write("error", message)

    def warning(self, message: str) -> None:
        self._write("warning", message)

    def debug(self, message: str) -> None:
        if self.debugging:
            self._write("debug", message)

    def _write(self, level: str, message: str) -> None:
        """What cannot be logged is lost: errors are on stderr too."""
        entry = self._entry(level, message, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())).encode()
        with contextlib.suppress(OSError):
            if self._path:
                self._append(entry)
            else:
                os.write(2, entry)

    def _entry(self, level: str, message: str, now: str) -> str:
        if self._as_json:
            return json.dumps({"level": level, "msg": message, "time": now}, separators=(",", ":")) + "\n"
        return f'time="{now}" level={level} msg={json.dumps(message)}\n'

    def _append(self, data: bytes) -> None:
        fd = os.open(self._path or "", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, data)
        finally:
            os.close(fd)
