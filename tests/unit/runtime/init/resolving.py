"""What in a module may resolve a path by itself (SECURITY R5): every call is known not to, or it is told.

A name is followed to where it was imported from, so that none escapes by another name. Then

- modules that are not listed, and what of the listed ones opens or executes something, are told;
- functions of `os` are told but for those that take no path, and those that are given a descriptor, in place of the path or
  beside it (`dir_fd`);
- functions of `runtime.linux` are told that take a path and no directory, or another directory than a descriptor;
- so is each that is not called but handed on, and AT_FDCWD by whatever name.

A descriptor is what mypy holds to be an int and what does not come from this module's constants: `x.fileno()`, a parameter
or a field that is annotated so, what a function of the worker's returns that is annotated so, and names for these.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWN = "containerd_py"
_LINUX = f"{_OWN}.runtime.linux."
_OURS = (_LINUX, "containerd_py.runtime.init", "containerd_py.runtime.plan", "containerd_py.light.")
_WHOLE = {
    *("__future__", "array", "collections.abc", "contextlib", "errno", "fcntl", "json", "math", "resource", "select"),
    *("signal", "stat", "struct", "sys", "time", "typing"),
}
_PARTS = {
    "io": {"RawIOBase", "BytesIO"},
    "tarfile": {"TarFile", "TarInfo"},
    "importlib": set[str](),
    f"{_OWN}.light.importlib": set[str](),
}
"""Of tarfile the class alone: its functions, and the methods of that class, open files."""
_OF_ARCHIVES = {"extract", "extractall", "extractfile", "gettarinfo"}
_BUILTINS = {"open", "exec", "eval", "compile", "__import__", "globals", "vars"}
_OS_WITHOUT_PATHS = {
    *(
        "WEXITSTATUS",
        "WIFSIGNALED",
        "WTERMSIG",
        "_exit",
        "close",
        "closerange",
        "dup",
        "dup2",
        "fchdir",
        "fchmod",
        "fchown",
    ),
    *("fsdecode", "fsencode", "fstat", "fsync", "ftruncate", "getcwd", "geteuid", "getgroups", "getpid", "getresgid"),
    *("getresuid", "kill", "lseek", "major", "makedev", "memfd_create", "minor", "path.samestat", "pipe", "pread", "read"),
    *("sched_param", "sched_setaffinity", "sched_setscheduler", "sendfile", "setgroups", "setpgid", "setpriority"),
    *("setresgid", "setresuid", "setsid", "strerror", "sysconf", "tcsetpgrp", "umask", "urandom", "waitpid", "write"),
}
_OS_BY_DESCRIPTOR = {
    *("chdir", "chmod", "chown", "getxattr", "listdir", "listxattr", "removexattr", "scandir", "setxattr", "stat"),
    *("statvfs", "truncate", "utime"),
}
"""They take one in place of a path."""
_OS_BESIDE = {
    **dict.fromkeys(("chmod", "chown", "mkdir", "mkfifo", "mknod", "open", "readlink", "rmdir"), ("dir_fd",)),
    **dict.fromkeys(("stat", "symlink", "unlink", "utime"), ("dir_fd",)),
    **dict.fromkeys(("link", "rename", "replace"), ("src_dir_fd", "dst_dir_fd")),
}
_AT_FDCWD = -100


@dataclass(frozen=True)
class Finding:
    """function: that it is in, "" for the module itself."""

    function: str
    what: str


@dataclass
class Annotated:
    """Names that are annotated with int in all modules of the worker's: of functions by what they return, and of fields."""

    functions: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, sources: list[str]) -> Annotated:
        """A name that stands for something else too, in whatever module, is none of them."""
        ints, others = cls(), cls()
        for source in sources:
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.FunctionDef):
                    (ints if _is_int(node.returns) else others).functions.add(node.name)
                elif isinstance(node, ast.AnnAssign):
                    name = node.target.attr if isinstance(node.target, ast.Attribute) else ast.unparse(node.target)
                    (ints if _is_int(node.annotation) else others).fields.add(name)
        return cls(ints.functions - others.functions, ints.fields - others.fields)


def findings(source: str, annotated: Annotated) -> Iterator[Finding]:
    yield from _Module(ast.parse(source), annotated).findings()


class _Module:
    def __init__(self, tree: ast.Module, annotated: Annotated) -> None:
        self._tree = tree
        self._annotated = annotated
        self._origins = dict(_origins(tree))
        self._descriptors: list[set[str]] = []

    def findings(self) -> Iterator[Finding]:
        yield from self._within(self._tree, "")

    def _within(self, node: ast.AST, function: str) -> Iterator[Finding]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                name = function if isinstance(child, ast.Lambda) else child.name
                self._descriptors.append(set(self._named_descriptors(child)))
                yield from self._within(child, name)
                self._descriptors.pop()
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield from (Finding(function, what) for what in self._told(child))
            if isinstance(child, ast.Call) and self._origin(child.func) is not None:
                yield from self._within_arguments(child, function)
                continue
            yield from self._within(child, function)

    def _within_arguments(self, call: ast.Call, function: str) -> Iterator[Finding]:
        """What is called was looked at: what it is called with is left."""
        yield from self._within(ast.Tuple([*call.args, *(keyword.value for keyword in call.keywords)]), function)

    def _told(self, node: ast.AST) -> Iterator[str]:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from (f"import {origin}" for _name, origin in _imported(node) if not _is_known(origin))
            case ast.Call():
                origin = self._origin(node.func)
                if origin is not None and not self._is_harmless(origin, node):
                    yield origin
                if isinstance(node.func, ast.Attribute) and node.func.attr in _OF_ARCHIVES:
                    yield f"tarfile.TarFile.{node.func.attr}"
            case ast.Attribute() | ast.Name() if isinstance(node.ctx, ast.Load):
                origin = self._origin(node)
                if origin is not None and _takes_a_path(origin):
                    yield f"{origin} handed on"
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=100)):
                yield "AT_FDCWD"

    def _origin(self, node: ast.expr) -> str | None:
        """Return the full name of what was imported, or is built in; None for everything else."""
        named = node
        while isinstance(named, ast.Attribute):
            named = named.value
        if not isinstance(named, ast.Name):
            return None
        told = ast.unparse(node)
        first, _, rest = told.partition(".")
        if first in self._origins:
            return f"{self._origins[first]}.{rest}".rstrip(".")
        return told if told in _BUILTINS else None

    def _is_harmless(self, origin: str, call: ast.Call) -> bool:
        if origin.startswith("os."):
            return self._is_harmless_of_os(origin.removeprefix("os."), call)
        if not _takes_a_path(origin):
            return True
        if not origin.startswith(_LINUX):
            return False
        parameters = _parameters(origin)
        place = next((n for n, name in enumerate(parameters) if name in ("directory", "root", "procfs", "parent")), None)
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if place is None or place > parameters.index("path"):
            return False
        value = call.args[place] if place < len(call.args) else given.get(parameters[place])
        return value is not None and self._is_descriptor(value)

    def _is_harmless_of_os(self, name: str, call: ast.Call) -> bool:
        if name in _OS_WITHOUT_PATHS:
            return True
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        beside = _OS_BESIDE.get(name)
        if beside is not None and all(one in given and self._is_descriptor(given[one]) for one in beside):
            return True
        return name in _OS_BY_DESCRIPTOR and bool(call.args) and self._is_descriptor(call.args[0])

    def _is_descriptor(self, value: ast.expr) -> bool:
        match value:
            case ast.Call(func=ast.Attribute(attr="fileno"), args=[]):
                return True
            case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
                return self._origin(value.func) in ("os.dup", "os.open") or name in self._annotated.functions
            case ast.Attribute(attr=name):
                return name in self._annotated.fields
            case ast.Name(id=name):
                return any(name in scope for scope in self._descriptors)
        return False

    def _named_descriptors(self, function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> Iterator[str]:
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        taken = {one.arg for one in arguments if _is_int(one.annotation)}
        yield from taken
        assigned: dict[str, list[ast.expr]] = {}
        for name, value in _assigned(function):
            assigned.setdefault(name, []).append(value)
        for name, values in assigned.items():
            if name not in {one.arg for one in arguments} and all(map(self._is_descriptor, values)):
                yield name


def _assigned(function: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from ((one.id, value) for one, value in zip(names, values, strict=False) if isinstance(one, ast.Name))
            case ast.For(target=target) | ast.comprehension(target=target):
                yield from ((one.id, target) for one in ast.walk(target) if isinstance(one, ast.Name))


def _origins(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported(node)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Yield (name, what it stands for)."""
    for one in node.names:
        if isinstance(node, ast.ImportFrom):
            yield one.asname or one.name, f"{node.module}.{one.name}"
        elif one.asname:
            yield one.asname, one.name
        else:
            yield one.name.partition(".")[0], one.name.partition(".")[0]


def _is_known(origin: str) -> bool:
    module, _, name = origin.rpartition(".")
    if origin in _WHOLE or module in _WHOLE or origin in _PARTS or origin == "os" or origin.startswith(_OURS):
        return True
    return name in _PARTS.get(module, ()) or origin == "containerd_py.light.socket"


def _takes_a_path(origin: str) -> bool:
    """Of what is not `os`, by its signature. Of `os` everything is taken to, but what is known not to."""
    module, _, name = origin.rpartition(".")
    if origin.startswith("os."):
        return not hasattr(os, origin.split(".")[1]) or (_is_function_of_os(origin) and origin[3:] not in _OS_WITHOUT_PATHS)
    if module in _PARTS:
        return name not in _PARTS[module] and not name.isupper()
    if module.startswith("tarfile."):
        return name not in ("fromtarfile", "frombuf")
    if origin in _BUILTINS:
        return True
    return origin == f"{_LINUX}syscall.call" or (origin.startswith(_LINUX) and "path" in _parameters(origin))


def _is_function_of_os(origin: str) -> bool:
    found: object = os
    for name in origin.split(".")[1:]:
        found = getattr(found, name, None)
    return callable(found) and not isinstance(found, type)


def _parameters(origin: str) -> list[str]:
    module, _, name = origin.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return []
    return list(inspect.signature(found).parameters) if inspect.isfunction(found) else []


def _is_int(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) == "int"


def sources(package: Path) -> dict[str, str]:
    """Return the modules of a package by their names below it."""
    return {str(path.relative_to(package)): path.read_text() for path in sorted(package.rglob("*.py"))}
