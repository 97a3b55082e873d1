"""`--cidfile`: the id of what was created, in a file. It is made before the container, so that a failure makes neither."""

from __future__ import annotations

import contextlib
import os
from typing import Self

from containerd_py.errors import InvalidArgument


class IdFile:
    """A context manager; the file is removed again where it was left without an id."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._fd = -1
        self._written = False

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            except OSError as error:
                cause = (error.strerror or str(error)).lower()
                raise InvalidArgument(
                    f"cannot make --cidfile {self._path!r}: {cause}", step="parse", hint="name a file that does not exist"
                ) from error
        return self

    def __exit__(self, *_problem: object) -> None:
        if self._path is not None:
            os.close(self._fd)
            if not self._written:
                with contextlib.suppress(OSError):
                    os.unlink(self._path)

    def write(self, container: str) -> None:
        if self._path is not None:
            os.write(self._fd, container.encode())
            self._written = True
