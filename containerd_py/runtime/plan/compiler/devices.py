"""Device nodes and links: the defaults of config-linux.md, and what the document asks for."""

from __future__ import annotations

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.compiler.mounts import Binding, Mounting, is_at
from containerd_py.runtime.plan.plan import Node, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.plan.plan import IdRange, UserMapping
    from containerd_py.runtime.spec.models import Spec

_NUMBERS = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
_ORIGIN = "linux.devices"
_DEFAULTS = tuple(
    op.MakeDevice(f"/dev/{name}", "c", major, minor, 0o666, 0, 0, origin=_ORIGIN) for name, major, minor in _NUMBERS
)
_SYMLINKS = tuple(
    op.MakeSymlink(f"/dev/{name}", target, origin=_ORIGIN)
    for name, target in (
        ("fd", "/proc/self/fd"),
        *((name, f"/proc/self/fd/{number}") for number, name in enumerate(("stdin", "stdout", "stderr"))),
    )
)


def devices(spec: Spec, mounts: tuple[Mounting, ...]) -> tuple[op.MakeDevice, ...]:
    """Return the nodes: the defaults that nobody asks for otherwise, then those asked for.

    None where /dev is bound: it is left as it is. None for /dev/ptmx, which is a link into the container's devpts.
    """
    if _has_bound_dev(mounts):
        return ()
    given = ((f"linux.devices.{index}", device) for index, device in enumerate(spec.linux.devices))
    asked = tuple((origin, device) for origin, device in given if not is_at(device.path, "/dev/ptmx"))
    found = [node for node in _DEFAULTS if not any(is_at(device.path, node.path) for _origin, device in asked)]
    for origin, device in asked:
        mode = 0o666 if device.file_mode is None else device.file_mode & 0o7777
        kind = "c" if device.type == "u" else device.type
        node = (device.path, kind, device.major, device.minor, mode, device.uid or 0, device.gid or 0)
        found.append(op.MakeDevice(*node, origin=origin))
    return tuple(found)


def made_for(nodes: tuple[op.MakeDevice, ...], mapping: UserMapping) -> tuple[Source, ...]:
    """Return what the parent makes for a new user namespace: the devices asked for, with their modes and owners."""
    asked = [(index, node) for index, node in enumerate(nodes) if node.kind != "p" and node.origin != _ORIGIN]
    made = tuple(
        Node(
            *(str(index), node.kind, node.major, node.minor, node.mode),
            uid=_outside(node.uid, mapping.uids, f"{node.origin}.uid"),
            gid=_outside(node.gid, mapping.gids, f"{node.origin}.gid"),
        )
        for index, node in asked
    )
    return (Source("nodes", "", recursive=False, nodes=made, origin=_ORIGIN),) if made else ()


def _outside(number: int, ranges: tuple[IdRange, ...], origin: str) -> int:
    for one in ranges:
        if one.container_id <= number < one.container_id + one.size:
            return one.host_id + number - one.container_id
    raise InvalidArgument(f"cannot make device ({origin}): {number} is not mapped into the user namespace", step="validate")


def take_made(made: tuple[Source, ...]) -> Iterator[Operation]:
    for source in made:
        yield op.TakeNodes(tuple(_key(int(node.name)) for node in source.nodes), origin=source.origin)


def device_bindings(nodes: tuple[op.MakeDevice, ...], made: tuple[Source, ...]) -> tuple[Binding, ...]:
    """Return what a user namespace takes from the host's /dev, since it may make no device: at the same paths."""
    names = {node.name for source in made for node in source.nodes}
    return tuple(
        Binding(_key(index), node.path, recursive=False, origin=node.origin)
        for index, node in enumerate(nodes)
        if node.kind != "p" and str(index) not in names
    )


def device_steps(nodes: tuple[op.MakeDevice, ...], *, bound: bool) -> Iterator[Operation]:
    for index, node in enumerate(nodes):
        if bound and node.kind != "p":
            yield op.BindDevice(_key(index), node.path, node.kind, node.major, node.minor, origin=node.origin)
        else:
            yield node


def _key(index: int) -> int:
    return -1 - index  # mounts count from 0 on


def link_steps(spec: Spec, mounts: tuple[Mounting, ...]) -> Iterator[Operation]:
    if _has_bound_dev(mounts):
        return
    yield from _SYMLINKS
    if any(mounting.fstype == "proc" for mounting in mounts) and not _hides(spec, "/proc/kcore"):
        yield op.MakeSymlink("/dev/core", "/proc/kcore", origin=_ORIGIN)
    if any(mounting.fstype == "devpts" for mounting in mounts):
        yield op.MakeSymlink("/dev/ptmx", "pts/ptmx", origin=_ORIGIN)


def _has_bound_dev(mounts: tuple[Mounting, ...]) -> bool:
    return any(
        mounting.options.bind and not mounting.options.remount and is_at(mounting.target, "/dev") for mounting in mounts
    )


def _hides(spec: Spec, path: str) -> bool:
    return any(is_at(masked, path) for masked in spec.linux.masked_paths)
