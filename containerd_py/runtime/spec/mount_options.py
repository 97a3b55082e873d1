"""Mount options (config.md, "Linux mount options"; mount(8)) as what mount_setattr and fsconfig take.

Four kinds: attributes of a mount, with `r` in front for all mounts below it too; flags of a file system's superblock;
what the runtime does itself (bind, idmap, tmpcopyup ...); everything else is the file system's own.
"""

from __future__ import annotations

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.light.dataclasses import dataclass, field
from containerd_py.light.functools import lru_cache
from containerd_py.runtime.linux.mounts import MountAttr, Propagation
from containerd_py.runtime.spec.idmap_option import IdmapOption, read_idmap

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
# name: (the flag as fsconfig knows it, whether it is set); a new superblock has none of them
_SUPERBLOCK = {
    "sync": ("sync", True),
    "async": ("sync", False),
    "dirsync": ("dirsync", True),
    "lazytime": ("lazytime", True),
    "nolazytime": ("lazytime", False),
    "mand": ("mand", True),  # the kernel takes it, and has forgotten its meaning (Linux 5.15)
    "nomand": ("mand", False),
}
# silent, loud: a file system made by fsopen tells its messages to us, not to the kernel's log.
# iversion: the file systems that can count versions do so always (ext4 since 6.1, tmpfs since 6.6, xfs, btrfs).
_WITHOUT_EFFECT = ("defaults", "silent", "loud", "iversion", "noiversion")
# name: (field of MountOptions, value)
_SWITCHES: dict[str, tuple[str, ...]] = {
    "bind": ("bind",),
    "rbind": ("bind", "recursive_bind"),
    "remount": ("remount",),
    "tmpcopyup": ("copy_up",),
    "copy-symlink": ("copy_symlink",),
    "src-nofollow": ("source_nofollow",),
    "dest-nofollow": ("target_nofollow",),
}
_OF_BINDS = ("copy_symlink", "source_nofollow", "target_nofollow")
_NO_ATTRIBUTES = ("rsync", "rasync", "rdirsync", "rmand", "rnomand")

KNOWN_OPTIONS = tuple(
    sorted(
        {
            *(*_ATTRIBUTES, *(f"r{name}" for name in _ATTRIBUTES), *_PROPAGATION, *_SUPERBLOCK),
            *(*_WITHOUT_EFFECT, *_SWITCHES, "idmap", "ridmap"),
        }
    )
)
"""The options that are not the file system's own, for whoever asks what this runtime can (features.md, mountOptions)."""


@dataclass(frozen=True)
class MountOptions:
    """add, remove: bits of MountAttr of the mount; below_*: of it and those below it, before that.

    superblock: flags of the file system itself; data: its own options. remount: change what is mounted there already.
    """

    add: int = 0
    remove: int = 0
    below_add: int = 0
    below_remove: int = 0
    bind: bool = False
    recursive_bind: bool = False
    propagation: int = 0
    propagation_recursive: bool = False
    data: tuple[tuple[str, str | None], ...] = ()
    superblock: tuple[str, ...] = ()
    remount: bool = False
    copy_up: bool = False
    idmap: IdmapOption | None = None
    copy_symlink: bool = False
    source_nofollow: bool = False
    target_nofollow: bool = False


class BadOption(ValueError):
    """An option that cannot be. supported: False where it is right, and cannot be served."""

    def __init__(self, option: str, reason: str, *, supported: bool = True) -> None:
        super().__init__(f"option {option!r}: {reason}")
        self.option = option
        self.reason = reason
        self.supported = supported


def parse_options(options: tuple[str, ...], *, where: str, bind: bool) -> MountOptions:
    """Read options as `read_options` does. where: the JSON path for errors. Raises InvalidArgument, NotSupported."""
    try:
        return read_options(options, bind=bind)
    except BadOption as problem:
        kind = InvalidArgument if problem.supported else NotSupported
        raise kind(f"cannot use mount option {problem.option!r} ({where}): {problem.reason}", step="validate") from problem


@lru_cache(maxsize=1024)  # asked for by the validation and by the compiler, and most containers ask for the same
def read_options(options: tuple[str, ...], *, bind: bool) -> MountOptions:
    """Read the options of one mount; the last of contradicting ones counts.

    bind: the mount is a bind by its type. Raises BadOption.
    """
    reading = _Reading(bind=bind)
    for option in options:
        reading.take(option)
    return reading.result()


@dataclass
class _Reading:
    """What was read so far; `take` one option after the other."""

    bind: bool
    top: tuple[int, int] = (0, 0)
    below: tuple[int, int] = (0, 0)
    propagation: tuple[int, bool] = (0, False)
    superblock: dict[str, tuple[str, bool]] = field(default_factory=dict)
    switches: dict[str, str] = field(default_factory=dict)
    idmap: IdmapOption | None = None
    data: list[tuple[str, str | None]] = field(default_factory=list)

    def take(self, option: str) -> None:
        if option in _NO_ATTRIBUTES:
            raise BadOption(option, "the kernel knows it for a whole file system only", supported=False)
        if option in _PROPAGATION:
            self.propagation = (int(_PROPAGATION[option][0]), _PROPAGATION[option][1])
        elif option in _SUPERBLOCK:
            name, is_set = _SUPERBLOCK[option]
            self.superblock[name] = (option, is_set)
        elif option in _SWITCHES:
            self.switches.update(dict.fromkeys(_SWITCHES[option], option))
        elif not self._take_attribute(option) and not self._take_idmap(option) and option not in _WITHOUT_EFFECT:
            key, separator, value = option.partition("=")
            self.data.append((key, value if separator else None))

    def _take_attribute(self, option: str) -> bool:
        if option in _ATTRIBUTES:
            self.top = _changed(self.top, *_ATTRIBUTES[option])
        elif option[:1] == "r" and option[1:] in _ATTRIBUTES:
            change = _ATTRIBUTES[option[1:]]
            self.below = _changed(self.below, *change)
            spoken_of = change[0] | change[1]  # what was said of the mount alone before is said anew
            self.top = (self.top[0] & ~spoken_of, self.top[1] & ~spoken_of)
        else:
            return False
        return True

    def _take_idmap(self, option: str) -> bool:
        try:
            found = read_idmap(option)
        except ValueError as problem:
            raise BadOption(option, str(problem)) from problem
        self.idmap = found or self.idmap
        return found is not None

    def result(self) -> MountOptions:
        if self.bind or "bind" in self.switches:
            self._check_bind()
        else:
            self._check_filesystem()
        if "remount" in self.switches:
            self._check_remount()
        return MountOptions(
            *(*self.top, *self.below),
            bind=self.bind or "bind" in self.switches,
            recursive_bind="recursive_bind" in self.switches,
            propagation=self.propagation[0],
            propagation_recursive=self.propagation[1],
            data=tuple(self.data),
            superblock=tuple(name for name, (_option, is_set) in self.superblock.items() if is_set),
            remount="remount" in self.switches,
            copy_up="copy_up" in self.switches,
            idmap=self.idmap,
            copy_symlink="copy_symlink" in self.switches,
            source_nofollow="source_nofollow" in self.switches,
            target_nofollow="target_nofollow" in self.switches,
        )

    def _check_bind(self) -> None:
        for key, value in self.data:
            raise BadOption(key if value is None else f"{key}={value}", "not an option of a bind")
        for option, is_set in self.superblock.values():
            if is_set:
                raise BadOption(option, "it belongs to a file system, which a bind shares with its source")
        if "copy_up" in self.switches:
            raise BadOption("tmpcopyup", "not an option of a bind")
        nofollow = self.switches.keys() & {"source_nofollow", "target_nofollow"}
        if "copy_symlink" in self.switches and nofollow:
            raise BadOption("copy-symlink", f"contradicts {self.switches[min(nofollow)]!r}")

    def _check_filesystem(self) -> None:
        for name in _OF_BINDS:
            if name in self.switches:
                raise BadOption(self.switches[name], "only an option of a bind")
        if self.idmap is not None:
            raise BadOption(_idmap_name(self.idmap), "only an option of a bind")

    def _check_remount(self) -> None:
        """A mount that is there already has its source, and its files."""
        for name in ("copy_up", "copy_symlink", "source_nofollow"):
            if name in self.switches:
                raise BadOption(self.switches[name], "contradicts 'remount'")
        if self.idmap is not None:
            raise BadOption(_idmap_name(self.idmap), "contradicts 'remount'")


def is_data(option: str) -> bool:
    """Tell whether an option is a value for a file system (size=1k), which the kernel takes no look at for a bind."""
    reading = _Reading(bind=False)
    try:
        reading.take(option)
    except BadOption:
        return False
    return any(value is not None for _key, value in reading.data)


def _idmap_name(option: IdmapOption) -> str:
    return "ridmap" if option.recursive else "idmap"


def _changed(masks: tuple[int, int], plus: int, minus: int) -> tuple[int, int]:
    """Add an option to (add, remove): the last of contradicting ones counts."""
    add, remove = masks
    return int(add & ~minus | plus), int(remove & ~plus | minus)
