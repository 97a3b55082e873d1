"""The directory of declared containers: a file in TOML for each, with what a creation is asked for.

Blocking. What is read here is done as root: so a file counts only if nobody else can write it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any

from containerd_py import strict_json
from containerd_py.engine.forms import read_create_request
from containerd_py.errors import ContainerdError, InvalidArgument
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd
from containerd_py.wire.common import IDENTIFIER_PATTERN

if TYPE_CHECKING:
    from containerd_py.engine.credentials import Credentials
    from containerd_py.wire import CreateRequest

SUFFIX = ".toml"
_LARGEST = 1 << 20
_EXAMPLE = 'rootfs = "/path" and args = ["/bin/program"]'
_CREDENTIALS = "credentials"


@dataclass(frozen=True)
class Declaration:
    """file: its name. credentials: their content by name. digest: of all that the container is made from."""

    file: str
    request: CreateRequest
    credentials: dict[str, bytes]
    digest: str


@dataclass(frozen=True)
class Misread:
    file: str
    problem: str


def read(directory: str, credentials: Credentials) -> tuple[list[Declaration], list[Misread]]:
    """Return what is declared, in the order of the files' names, and what cannot be used. Raises OSError for the directory.

    One that is not there declares nothing.
    """
    declared: dict[str, Declaration] = {}
    misread: list[Misread] = []
    for name in _names(directory):
        if not name.isprintable():  # told to terminals; and no JSON has what is not UTF-8
            escaped = name.encode("unicode_escape").decode()
            misread.append(Misread(escaped, "cannot use declaration: its file's name has characters that nothing can show"))
            continue
        try:
            found = _read_one(directory, name, credentials)
        except ContainerdError as problem:
            misread.append(Misread(name, problem.message + (f" ({problem.hint})" if problem.hint else "")))
            continue
        other = declared.setdefault(str(found.request.name), found)
        if other is not found:
            misread.append(Misread(name, f"cannot use declaration: {other.file!r} declares {found.request.name!r} too"))
    return list(declared.values()), misread


def _names(directory: str) -> list[str]:
    try:
        with Fd(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
            _check_ours(os.fstat(folder.fileno()))
            return sorted(name for name in os.listdir(folder.fileno()) if name.endswith(SUFFIX) and name[0] != ".")
    except FileNotFoundError:
        return []


def _read_one(directory: str, name: str, credentials: Credentials) -> Declaration:
    try:
        value = tomllib.loads(_content(os.path.join(directory, name)).decode())
        strict_json.check(value, what="declaration")  # TOML has dates, NaN and numbers of any length
    except OSError as problem:
        raise InvalidArgument(
            f"cannot read declaration: {problem.strerror}", step="declare", errno=problem.errno or None
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise InvalidArgument(f"cannot parse declaration: {problem}", step="declare") from problem
    return _declaration(name, value, credentials)


def _declaration(file: str, value: dict[str, Any], credentials: Credentials) -> Declaration:
    if "id" in value:
        raise InvalidArgument("cannot parse declaration: id: it is the daemon's to choose", step="declare")
    stem = file.removesuffix(SUFFIX)
    if "name" not in value and not re.fullmatch(IDENTIFIER_PATTERN, stem, re.ASCII):
        raise InvalidArgument(
            f"cannot parse declaration: a container cannot be called {stem!r}, as its file is",
            step="declare",
            hint="give it a name",
        )
    wanted = value.pop(_CREDENTIALS, [])
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise InvalidArgument("cannot parse declaration: credentials: a list of names is needed", step="declare")
    if wanted and value.get("durable"):
        raise InvalidArgument(
            "cannot parse declaration: durable: one with credentials cannot be",
            step="declare",
            hint="leave it out: each boot makes the container anew from its file",
        )
    request = read_create_request({"name": stem, "restart": "always"} | value, what="declaration", example=_EXAMPLE)
    secrets = {name: credentials.get(name) for name in wanted}
    return Declaration(file, request, secrets, _digest(request, secrets))


def _digest(request: CreateRequest, secrets: dict[str, bytes]) -> str:
    body = json.dumps(request.model_dump(mode="json", exclude_defaults=True), sort_keys=True).encode()
    digest = hashlib.sha256(body)
    for name, content in sorted(secrets.items()):
        digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(content).digest())
    return digest.hexdigest()


def _content(path: str) -> bytes:
    """O_NONBLOCK: a FIFO in its place must not hang us. Raises OSError."""
    with Fd(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is no regular file")
        _check_ours(found)
        if found.st_size > _LARGEST:
            raise OSError(0, "it is larger than 1 MiB")
        return os.pread(file.fileno(), _LARGEST, 0)


def _check_ours(found: os.stat_result) -> None:
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        mode = stat.S_IMODE(found.st_mode)
        raise OSError(0, f"others could change it (owner {found.st_uid}, mode {mode:o}); chown it to root, and chmod go-w")
