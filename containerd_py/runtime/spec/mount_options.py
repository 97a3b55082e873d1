"""Mount options (config.md, "Mounts"; mount(8)) as what mount_setattr and fsconfig take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.linux.mounts import MountAttr, Propagation

_A = MountAttr

# name: (attributes to add, attributes to remove)
_ATTRIBUTES: dict[str, tuple[int, int]] = {
    "ro": (_A.RDONLY, 0),
    "rw": (0, _A.RDONLY),
    "nosuid": (_A.NOSUID, 0),
    "suid": (0, _A.NOSUID),
    "nodev": (_A.NODEV, 0),
    "dev": (0, _A.NODEV),
    "noexec": (_A.NOEXEC, 0),
    "exec": (0, _A.NOEXEC),
    "nodiratime": (_A.NODIRATIME, 0),
    "diratime": (0, _A.NODIRATIME),
    "nosymfollow": (_A.NOSYMFOLLOW, 0),
    "symfollow": (0, _A.NOSYMFOLLOW),
    # The access time modes are one field of three values: to set one, the field is cleared (mount_setattr(2)).
    "relatime": (0, _A.ATIME_MASK),
    "norelatime": (_A.STRICTATIME, _A.ATIME_MASK),
    "noatime": (_A.NOATIME, _A.ATIME_MASK),
    "atime": (0, _A.ATIME_MASK),
    "strictatime": (_A.STRICTATIME, _A.ATIME_MASK),
    "nostrictatime": (0, _A.ATIME_MASK),
}
_PROPAGATION = {
    name: (value, recursive)
    for base, value in (
        ("private", Propagation.PRIVATE),
        ("slave", Propagation.SLAVE),
        ("shared", Propagation.SHARED),
        ("unbindable", Propagation.UNBINDABLE),
    )
    for name, recursive in ((base, False), (f"r{base}", True))
}
_NOT_SERVED = ("remount", "idmap", "ridmap", "tmpcopyup", "copy-symlink")


@dataclass(frozen=True, slots=True)
class MountOptions:
    """add, remove: bits of MountAttr of the mount; below_*: of it and those below it; data: the file system's own."""

    add: int = 0
    remove: int = 0
    below_add: int = 0
    below_remove: int = 0
    bind: bool = False
    recursive_bind: bool = False
    propagation: int = 0
    propagation_recursive: bool = False
    data: tuple[tuple[str, str | None], ...] = ()


@lru_cache(maxsize=1024)  # asked for by the validation and by the compiler, and most containers ask for the same
def parse_options(options: tuple[str, ...], *, where: str, bind: bool) -> MountOptions:
    """Read the options of one mount; the last of contradicting ones counts.

    where: the JSON path for errors. bind: the mount is a bind by its type. Raises InvalidArgument for an option that a
    bind cannot have, NotSupported for one that is not served yet.
    """
    top, below = (0, 0), (0, 0)
    propagation, propagation_recursive = 0, False
    recursive_bind = False
    bind = bind or "bind" in options or "rbind" in options
    data: list[tuple[str, str | None]] = []
    for option in options:
        name = option.removeprefix("r") if option.startswith("r") and option[1:] in _ATTRIBUTES else option
        if option in _ATTRIBUTES or name != option:
            if option in _ATTRIBUTES:
                top = _changed(top, *_ATTRIBUTES[option])
            else:
                below = _changed(below, *_ATTRIBUTES[name])
        elif option in _PROPAGATION:
            propagation, propagation_recursive = int(_PROPAGATION[option][0]), _PROPAGATION[option][1]
        elif option in ("bind", "rbind"):
            recursive_bind = recursive_bind or option == "rbind"
        elif option in _NOT_SERVED:
            raise NotSupported(f"cannot use mount option {option!r} ({where}): it is not served yet", step="validate")
        elif bind and option != "defaults":
            raise InvalidArgument(f"cannot use mount option {option!r} ({where}): not an option of a bind", step="validate")
        elif option not in ("defaults", "async", "nolazytime", "nomand", "silent"):
            key, separator, value = option.partition("=")
            data.append((key, value if separator else None))
    return MountOptions(*(*top, *below), bind, recursive_bind, propagation, propagation_recursive, tuple(data))


def _changed(masks: tuple[int, int], plus: int, minus: int) -> tuple[int, int]:
    """Add an option to (add, remove): the last of contradicting ones counts."""
    add, remove = masks
    return int(add & ~minus | plus), int(remove & ~plus | minus)
