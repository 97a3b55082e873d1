"""The bytecode of all modules of a program in one file, where `__pycache__` has a file for each (ADR 26).

Python looks each module up in each directory of its path, and opens, checks and reads its file: that takes as long as to
execute a small one. Here a program opens one file at its start, and its modules are taken from there as they are imported.
As with `__pycache__` nobody has to make the file: a program that has imported modules which are not in it writes it anew
at its end; and a module whose source has changed since is imported as ever. That is told by the source's ctime, which,
other than its mtime, nobody sets: packages give all that they install one mtime, in each version the same perhaps.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import SourceFileLoader
from mmap import PROT_READ, mmap

from containerd_py import runtime_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, ModuleType
    from typing import Any, Self

    Entry = tuple[str, str | None, bool, int, int, int, int]
    """Path of the source; of its own bytecode; whether it is a package; the source's ctime in ns, and size in bytes;
    where its code is behind the index, and its size."""

_NUMBER = 4
"""Bytes of the index's size, with which the file begins."""
_MOST_LETTERS = 150


class BytecodeCache:
    """The content of the file, as a finder of modules (PEP 451); empty where there is none that is right.

    place: the directory that the file is in; without one, or where it cannot be used, nothing is found and kept.
    program: each has a file of its own, since its index is read at each start.
    """

    def __init__(self, place: str | None, program: str = "") -> None:
        self.place = place
        self._name = name_of("modules", program)
        self._index, self._code = _read(place, self._name)

    @classmethod
    def own(cls, program: str = "") -> Self:
        """Return that of this user."""
        try:
            return cls(runtime_cache.path(), program)
        except FileNotFoundError:
            return cls(None)

    def install(self) -> Self:
        """Have modules looked up here first."""
        sys.meta_path.insert(0, self)
        return self

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        entry = self._index.get(name)
        if entry is None:
            return None
        source, bytecode, is_package, ctime_ns, size, start, length = entry
        try:
            found = os.stat(source)
        except OSError:
            return None
        if found.st_ctime_ns != ctime_ns or found.st_size != size:
            return None
        loader = _Loader(name, source, self._code[start : start + length])
        spec = ModuleSpec(name, loader, origin=source, is_package=is_package)
        spec.has_location = True
        spec.cached = bytecode
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(source)]
        return spec

    def complete(self, *further: str) -> None:
        """Write the file anew where modules were imported that are not in it.

        further: more of them, to be imported now.
        """
        if self.place is None or sys.dont_write_bytecode or not any(self._missed()):
            return
        for name in further:
            __import__(name)
        kept = {
            name: (*entry[:5], bytes(self._code[entry[5] : entry[5] + entry[6]])) for name, entry in self._index.items()
        }
        kept.update(compiled(self._missed()))
        try:
            runtime_cache.write(self.place, self._name, _file(kept))
        except OSError:
            return

    def _missed(self) -> Iterator[ModuleType]:
        """Yield the modules that came from their sources, and would the next time."""
        for name, module in sys.modules.copy().items():
            spec = getattr(module, "__spec__", None)  # `__main__` has none, nor what was made and not imported
            if spec is not None and type(spec.loader) is SourceFileLoader and not self.find_spec(name):
                yield module


class _Loader(SourceFileLoader):
    """It can do all that the loader of a source can, and has the bytecode at hand."""

    def __init__(self, name: str, source: str, code: memoryview) -> None:
        super().__init__(name, source)
        self._code = code

    def get_code(self, name: str) -> CodeType | None:
        try:
            found: CodeType = marshal.loads(self._code)  # noqa: S302 - as Python does
        except (ValueError, EOFError, TypeError):  # damaged
            return super().get_code(name)
        return found


def name_of(kind: str, program: str) -> str:
    """Return the name of a file, which no other package and no other version of Python has."""
    package = os.path.dirname(os.path.abspath(__file__)).replace("/", "-")[-_MOST_LETTERS:]
    return f"{kind}-{program}{package}.{sys.implementation.cache_tag}"


def compiled(modules: Iterable[ModuleType]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the name of each, and what an `Entry` begins with, and its code."""
    for module in modules:
        spec: Any = module.__spec__
        try:
            found = os.stat(spec.origin)
            code = marshal.dumps(spec.loader.get_code(spec.name))
        except (OSError, ImportError, SyntaxError, ValueError):
            continue  # it has gone meanwhile, or is half written
        package = spec.submodule_search_locations is not None
        yield spec.name, (spec.origin, spec.cached, package, found.st_ctime_ns, found.st_size, code)


def _file(modules: dict[str, tuple[Any, ...]]) -> bytes:
    """Return what `_read` reads."""
    index, start = {}, 0
    for name, (*facts, code) in modules.items():
        index[name] = (*facts, start, len(code))
        start += len(code)
    head = marshal.dumps((user(), index))
    return b"".join((len(head).to_bytes(_NUMBER, "big"), head, *(facts[-1] for facts in modules.values())))


def _read(place: str | None, name: str) -> tuple[dict[str, Entry], memoryview]:
    """Return the index and the code behind it; nothing where there is none, or it is another interpreter's or package."""
    nothing: tuple[dict[str, Entry], memoryview] = ({}, memoryview(b""))
    if place is None:
        return nothing
    try:
        fd = runtime_cache.open_file(place, name)
        try:
            data = memoryview(mmap(fd, 0, prot=PROT_READ))
        finally:
            os.close(fd)
        end = _NUMBER + int.from_bytes(data[:_NUMBER], "big")
        whose, index = marshal.loads(data[_NUMBER:end])  # noqa: S302 - of a file that is our own
    except (OSError, ValueError, EOFError, TypeError):
        return nothing
    return (index, data[end:]) if whose == user() else nothing


def user() -> tuple[str, str, str, int]:
    """What bytecode must not be taken across: builds of one version differ in their modules, and in where these are.

    The package too: the file's name does not tell "/a/b" from "/a-b".
    """
    return os.path.dirname(os.path.abspath(__file__)), sys.version, os.path.dirname(os.__file__), sys.flags.optimize
