"""Which ids an idmapped mount shows: its own mappings, those of its option, or the container's (config.md, `idmap`)."""

from __future__ import annotations

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.plan.compiler.namespaces import mapping_by
from containerd_py.runtime.plan.plan import IdRange, UserMapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from containerd_py.runtime.plan.compiler.surroundings import Surroundings
    from containerd_py.runtime.spec.idmap_option import IdmapRange
    from containerd_py.runtime.spec.models import Mount
    from containerd_py.runtime.spec.mount_options import MountOptions


def mapping_of(mount: Mount, options: MountOptions, where: Surroundings, origin: str) -> tuple[UserMapping | None, str]:
    """Return the mapping, or the path of the user namespace that has it; (None, "") where ids stay as they are.

    origin: JSON path of the mount.
    """
    if mount.uid_mappings:
        return mapping_by(mount, origin), ""
    if options.idmap is None:
        return None, ""
    if options.idmap.uids:
        own = where.mapping or UserMapping((), ())
        option = f"{origin}.options"
        uids = tuple(_looked_up(one, own.uids, option) for one in options.idmap.uids)
        gids = tuple(_looked_up(one, own.gids, option) for one in options.idmap.gids)
        return UserMapping(uids, gids, option, option), ""
    return where.mapping, "" if where.mapping else where.user_path


def _looked_up(one: IdmapRange, own: tuple[IdRange, ...], origin: str) -> IdRange:
    """Turn an id of the container (crun's `@`) into the host's, by the range of its user namespace that it lies in."""
    if not one.relative:
        return IdRange(one.container_id, one.host_id, one.size)
    for line in own:
        if line.container_id <= one.host_id < line.container_id + line.size:
            return IdRange(one.container_id, one.host_id - line.container_id + line.host_id, one.size)
    raise InvalidArgument(
        f"cannot map ids from @{one.host_id} ({origin}): the user namespace of the container maps no such id",
        step="validate",
    )
