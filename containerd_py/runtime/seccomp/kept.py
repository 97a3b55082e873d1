"""Compiled filters, kept for who starts later: most containers of a host share one profile (ADR 26).

What a filter is compiled from is its key, and stands beside it in full: what has another key is not it. Files of the
library that compiled are compared too.
"""

from __future__ import annotations

import os
from _imp import source_hash

from containerd_py import runtime_cache
from containerd_py.light import json
from containerd_py.light.contextlib import suppress
from containerd_py.light.dataclasses import dataclass
from containerd_py.runtime.linux.fd import Fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.spec.linux import Seccomp

_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class SeccompFilter:
    """program: an array of struct sock_filter; flags: SECCOMP_FILTER_FLAG_* for seccomp(2).

    silences: it may refuse sendto, by which a worker tells its parent how it goes.
    """

    program: bytes
    flags: int
    silences: bool = False


def filter_of(profile: Seccomp) -> SeccompFilter:
    """Return the filter of a profile: the one that is kept, without a look at what compiles them, or one compiled now.

    Raises what `compile.compile_profile` does.
    """
    found = find(key_of(profile))
    if found is not None:
        return found
    from containerd_py.runtime.seccomp.compile import compile_profile

    return compile_profile(profile)


def key_of(profile: Seccomp) -> bytes:
    """Return all that a filter depends on but the library's own file: what libseccomp can do it asks the kernel for."""
    host = os.uname()
    return json.dumps([profile.document(), "flags" in profile.given, host.machine, host.release]).encode()


def find(key: bytes) -> SeccompFilter | None:
    """Return the filter that was compiled from the same; None where there is none that can be trusted."""
    try:
        with Fd(runtime_cache.open_file(runtime_cache.path(), _name(key))) as file:
            head, _, rest = os.read(file.fileno(), _MOST_BYTES).partition(b"\n")
        facts = json.loads(head)
        if facts["library"] == _identity(facts["library"][0]) and rest.startswith(key):
            program = rest[len(key) :]
            if len(program) == facts["bytes"]:
                return SeccompFilter(program, facts["flags"], facts["silences"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return None


def keep(key: bytes, made: SeccompFilter, library: str) -> None:
    """Keep a filter, if it can be done. library: the path of the file that compiled it."""
    with suppress(OSError):
        facts = {"library": _identity(library), "flags": made.flags, "silences": made.silences, "bytes": len(made.program)}
        content = b"%b\n%b%b" % (json.dumps(facts).encode(), key, made.program)
        if len(content) <= _MOST_BYTES:
            runtime_cache.write(runtime_cache.path(), _name(key), content)


def _name(key: bytes) -> str:
    return f"filter-{source_hash(0, key).hex()}"


def _identity(path: str) -> list[Any]:
    """What tells a file from the one that replaces it. Raises OSError."""
    found = os.stat(path)
    return [path, found.st_mtime_ns, found.st_size, found.st_ino]
