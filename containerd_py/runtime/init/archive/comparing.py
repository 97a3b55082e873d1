"""What an overlay's upper directory changes of those below it (overlayfs.rst, "whiteouts and opaque directories")."""

from __future__ import annotations

import errno
import json
import os
import resource
import stat
from contextlib import ExitStack

from containerd_py.runtime.init import dialogue
from containerd_py.runtime.init.steps import Context, StepFailed, executes
from containerd_py.runtime.linux.directories import names
from containerd_py.runtime.linux.paths import Resolve, openat2
from containerd_py.runtime.plan import operations as op

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.linux.fd import Fd

_DEEPEST = 200
_HERE = Resolve.BENEATH | Resolve.NO_SYMLINKS
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_GONE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)


@executes(op.CompareLayers)
def compare_layers(context: Context, step: op.CompareLayers) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # each level holds one for each layer
    dialogue.send_found(context.control, {})
    with ExitStack() as opened:
        out = opened.enter_context(context.take_handle("out"))
        layers = [opened.enter_context(context.take_handle(f"lower{index}")) for index in range(step.lowers)]
        upper = opened.enter_context(context.take_handle("upper"))
        comparison = Comparison(out.fileno(), f"{step.namespace}.overlay.")
        reading = [opened.enter_context(_directory(layer.fileno(), ".")) for layer in layers]
        comparison.compare(opened.enter_context(_directory(upper.fileno(), ".")).fileno(), reading, "", hidden=False)
        comparison.end()


class Comparison:
    """out: where changes are told, a JSON object a line. prefix: of the overlay's extended attributes."""

    def __init__(self, out: int, prefix: str) -> None:
        self._out = out
        self._prefix = prefix
        self._lines: list[bytes] = []

    def compare(self, upper: int, lowers: list[Fd], path: str, *, hidden: bool) -> None:
        """Tell the changes below a directory. lowers: those that it is merged with, the uppermost first.

        hidden: they show no more, since the directory, or one above it, is opaque.
        """
        if path.count("/") > _DEEPEST:
            raise StepFailed(errno.ENAMETOOLONG, f"{path!r}: directories lie deeper than {_DEEPEST} levels")
        seen = set()
        for name in names(upper):
            seen.add(name)
            self._entry(upper, lowers, name, f"{path}/{name}", hidden=hidden)
        if hidden:
            for name in sorted(self._shown_by(lowers) - seen):
                self._tell("deleted", f"{path}/{name}")

    def end(self) -> None:
        data = memoryview(b"".join(self._lines))
        self._lines.clear()
        while data:
            data = data[os.write(self._out, data) :]

    def _entry(self, upper: int, lowers: list[Fd], name: str, path: str, *, hidden: bool) -> None:
        found = _found(upper, name)
        if found is None:
            return
        there = self._is_there(lowers, name)
        if self._is_whiteout(upper, name, found):
            if there:
                self._tell("deleted", path)
            return
        self._tell("changed" if there else "added", path)
        if stat.S_ISDIR(found.st_mode):
            with ExitStack() as opened:
                try:
                    entered = opened.enter_context(_directory(upper, name))
                except OSError as problem:
                    if problem.errno in _GONE:
                        return
                    raise
                below = self._below(lowers, name, opened)
                self.compare(entered.fileno(), below, path, hidden=hidden or self._is_opaque(entered.fileno()))

    # ── the layers below ──

    def _is_there(self, lowers: list[Fd], name: str) -> bool:
        for layer in lowers:
            found = _found(layer.fileno(), name)
            if found is not None:
                return not self._is_whiteout(layer.fileno(), name, found)
        return False

    def _below(self, lowers: list[Fd], name: str, opened: ExitStack) -> list[Fd]:
        """Return the directories that are merged into one: down to the first that is opaque, or no directory."""
        merged = []
        for layer in lowers:
            found = _found(layer.fileno(), name)
            if found is None:
                continue
            if not stat.S_ISDIR(found.st_mode):
                break
            merged.append(opened.enter_context(_directory(layer.fileno(), name)))
            if self._is_opaque(merged[-1].fileno()):
                break
        return merged

    def _shown_by(self, lowers: list[Fd]) -> set[str]:
        everything = {name for layer in lowers for name in names(_rewound(layer))}
        return {name for name in everything if self._is_there(lowers, name)}

    # ── marks ──

    def _is_whiteout(self, directory: int, name: str, found: os.stat_result) -> bool:
        """A character device 0:0; or an empty file with a mark, where the overlay may make no devices (Linux 6.7)."""
        if stat.S_ISCHR(found.st_mode):
            return found.st_rdev == 0
        if not stat.S_ISREG(found.st_mode) or found.st_size:
            return False
        try:
            with openat2(directory, name, _READ, 0, _HERE) as opened:
                return self._mark(opened.fileno(), "whiteout") is not None
        except OSError as problem:
            if problem.errno not in _GONE:
                raise
            return False

    def _is_opaque(self, directory: int) -> bool:
        return self._mark(directory, "opaque") == b"y"

    def _mark(self, fd: int, name: str) -> bytes | None:
        try:
            return os.getxattr(fd, self._prefix + name)
        except OSError as problem:
            if problem.errno not in (errno.ENODATA, errno.ENOTSUP):
                raise
            return None

    def _tell(self, kind: str, path: str) -> None:
        shown = os.fsencode(path).decode("utf-8", "replace")
        self._lines.append(json.dumps({"kind": kind, "path": shown}).encode() + b"\n")
        if len(self._lines) >= 256:
            self.end()


def _found(directory: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _directory(parent: int, name: str) -> Fd:
    return openat2(parent, name, _READ | os.O_DIRECTORY, 0, _HERE)


def _rewound(directory: Fd) -> int:
    os.lseek(directory.fileno(), 0, os.SEEK_SET)
    return directory.fileno()
