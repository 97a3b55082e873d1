"""What callers hand over in files: the bundle's config.json, process.json, resources."""

from __future__ import annotations

import os
import sys

from containerd_py import strict_json
from containerd_py.errors import InvalidArgument, errno_name
from containerd_py.light import contextlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from containerd_py.runtime.spec.models import Spec
    from containerd_py.runtime.spec.process import Process

_UNKNOWN_CAPABILITY = "unknown capability "
"""How a note about one begins (`spec.process`)."""

_LARGEST = 10 * 2**20
"""Of a document (SECURITY R19)."""


def read_spec(bundle: str, config: str = "config.json", *, warn: Callable[[str], None]) -> Spec:
    """Read the configuration of a bundle. config: relative to it, or absolute.

    Raises InvalidArgument naming the file, or the JSON path of each problem. What the specification does not have is no
    error there (its "Extensibility"): `warn` is told of it.
    """
    from containerd_py.cli.oci.binds import leave_out_data, leave_out_root, take_bound_root
    from containerd_py.runtime.spec.models import parse

    document = read_document(os.path.join(bundle, config))
    if _is_before_1_3(document):
        _say_that_none_is_none(document)
    _map_root_to_caller(document, warn)
    with ignoring(config, warn) as ignored:
        ignored += leave_out_data(document)
        leave_out_root(document, bundle)
        take_bound_root(document, bundle)
        spec = parse(document, ignored=ignored)
    warn_of_ambient(spec.process, warn)
    return spec


def warn_of_ambient(process: Process | None, warn: Callable[[str], None]) -> None:
    """What is not permitted and inheritable cannot be ambient (capabilities(7)); documents of runc ask for it."""
    sets = process.capabilities if process is not None else None
    if sets is None:
        return
    for name in sets.ambient:
        if name not in sets.permitted or name not in sets.inheritable:
            warn(f"can't raise ambient capability {name}: it is not both permitted and inheritable")


def _is_before_1_3(document: Any) -> bool:
    version = document.get("ociVersion") if isinstance(document, dict) else None
    return isinstance(version, str) and version.split(".")[:2] in (["1", "0"], ["1", "1"], ["1", "2"])


def _say_that_none_is_none(document: dict[str, Any]) -> None:
    """A limit of 0 tasks was none for runc and crun until specification 1.3 took it at its word; podman 4 writes it."""
    found: Any = document
    for name in ("linux", "resources", "pids"):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, dict) and found.get("limit") == 0:
        found["limit"] = -1


def _map_root_to_caller(document: Any, warn: Callable[[str], None]) -> None:
    """Give a new user namespace without ids its root, as crun does: without any, nothing could be run in it.

    It is the caller, who has fewer rights in it than without a namespace; no other id is mapped.
    """
    linux = document.get("linux") if isinstance(document, dict) else None
    if not isinstance(linux, dict) or any(linux.get(name) not in (None, []) for name in ("uidMappings", "gidMappings")):
        return
    namespaces = linux.get("namespaces")
    for one in namespaces if isinstance(namespaces, list) else ():
        if isinstance(one, dict) and one.get("type") == "user" and not one.get("path"):
            linux["uidMappings"] = [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
            linux["gidMappings"] = [{"containerID": 0, "hostID": os.getegid(), "size": 1}]
            warn("linux.uidMappings and gidMappings are missing: the root of the user namespace is the caller")
            return


def read_document(path: str) -> Any:
    """Read a JSON file, or standard input where `path` is "-". Raises InvalidArgument."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(_LARGEST + 1)
    except OSError as problem:
        raise InvalidArgument(
            f"cannot read {path!r}: {problem.strerror}",
            step="parse",
            errno=errno_name(problem.errno),
            hint="a bundle is a directory with a config.json" if path.endswith("/config.json") else None,
        ) from problem
    if len(data) > _LARGEST:
        raise InvalidArgument(f"cannot read {path!r}: it has more than {_LARGEST} bytes", step="parse")
    return strict_json.loads(data, what=path)


@contextlib.contextmanager
def ignoring(what: str, warn: Callable[[str], None]) -> Iterator[list[str]]:
    """Yield the list that a document is read with as the specification asks, and tell what it has got."""
    ignored: list[str] = []
    yield ignored
    names = {one.split("'")[1] for one in ignored if one.startswith(_UNKNOWN_CAPABILITY)}
    if names:  # in runc's words, which callers look for
        warn(f"ignoring unknown or unavailable capabilities: [{' '.join(sorted(names))}]")
    if ignored:
        warn(f"ignored in {what}: {', '.join(ignored)}")
