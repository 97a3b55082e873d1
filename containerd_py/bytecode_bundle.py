"""The bytecode of a program that always imports the same, in one piece (ADR 26): for a launcher, which others wait for.

Whoever starts it opens the file, whose place and owner it has looked at, and hands on the descriptor. The program reads it
at once, and imports from there; what it needs for that is in the file as well (`bundle_finder`).

    size of what follows    whose it is, how long the rest is, and of which sources    the finder's code, and the modules
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib_external import SourceFileLoader

from containerd_py import runtime_cache
from containerd_py.bytecode_cache import compiled, name_of, user

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    Source = tuple[str, int, int]
    """Its path; its ctime in ns, and size in bytes."""

_NUMBER = 4
"""Bytes of the size that the file begins with."""
_LARGEST_HEAD = 1_048_576
_FINDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bundle_finder.py")


def opened(place: str, program: str) -> tuple[int, int] | None:
    """Return a descriptor, which is the caller's, and how many bytes are to be read from it; None where there are none."""
    found = _opened(place, program)
    return None if found is None else found[:2]


def _opened(place: str, program: str) -> tuple[int, int, tuple[Source, ...]] | None:
    try:
        fd = runtime_cache.open_file(place, name_of("bundle", program))
    except OSError:
        return None
    found = _head(fd)
    if found is None:
        os.close(fd)
        return None
    return fd, *found


def _head(fd: int) -> tuple[int, tuple[Source, ...]] | None:
    try:
        head = os.read(fd, int.from_bytes(os.read(fd, _NUMBER), "big") % _LARGEST_HEAD)
        whose, size, sources = marshal.loads(head)  # noqa: S302 - of a file that is our own
        whole = os.fstat(fd).st_size == _NUMBER + len(head) + size
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return (size, sources) if whole and whose == user() else None


def complete(place: str, program: str, *roots: str) -> None:
    """Write the file where it is missing, or a source of it has changed: what importing `roots` imports.

    At the end of a program, which imports all that once more for it.
    """
    if sys.dont_write_bytecode:
        return
    try:
        if not _is_current(place, program):
            _write(place, program, roots)
    except Exception:  # of a package that is half upgraded any may come: a cache must not fail its owner
        return


def _is_current(place: str, program: str) -> bool:
    found = _opened(place, program)
    if found is None:
        return False
    fd, _size, sources = found
    os.close(fd)
    try:
        return all(_source(path) == (path, ctime_ns, size) for path, ctime_ns, size in sources)
    except OSError:  # one has gone
        return False


def _source(path: str) -> Source:
    found = os.stat(path)
    return path, found.st_ctime_ns, found.st_size


def _write(place: str, program: str, roots: tuple[str, ...]) -> None:
    own = _source(_FINDER)  # looked at before it is read
    finder = SourceFileLoader("bundle", _FINDER).get_code("bundle")
    entries = dict(_entries(roots))
    content = marshal.dumps((finder, entries))
    sources = (own, *((entry[0], *entry[3:5]) for entry in entries.values()))
    head = marshal.dumps((user(), len(content), sources))
    runtime_cache.write(place, name_of("bundle", program), b"".join((len(head).to_bytes(_NUMBER, "big"), head, content)))


def _entries(roots: tuple[str, ...]) -> list[tuple[str, tuple[Any, ...]]]:
    """What has come from sources, be it by a cache."""
    before = sys.modules.copy()
    try:
        for name, module in before.items():
            if _of_source(module) and not name.startswith("encodings"):
                del sys.modules[name]
        kept = set(sys.modules)
        for name in roots:
            __import__(name)
        found = [module for name, module in sys.modules.items() if name not in kept and _of_source(module)]
    finally:
        sys.modules.clear()
        sys.modules.update(before)
    return [(name, (*facts, marshal.loads(code))) for name, (*facts, code) in compiled(found)]  # noqa: S302 - ours


def _of_source(module: ModuleType) -> bool:
    spec = getattr(module, "__spec__", None)  # `__main__` has none
    return spec is not None and isinstance(spec.loader, SourceFileLoader)
