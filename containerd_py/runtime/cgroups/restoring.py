"""Putting back what control files said, where a change of several could not be made as a whole."""

from __future__ import annotations

from containerd_py.errors import ContainerdError
from containerd_py.light import contextlib
from containerd_py.light.dataclasses import dataclass, replace
from containerd_py.runtime.cgroups import files
from containerd_py.runtime.cgroups.resources import FileValue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from containerd_py.runtime.cgroups.resources import Read


@dataclass(frozen=True)
class Limit:
    """What one controller has written to one directory. asked_by: JSON paths of the fields that ask for it."""

    directory: str
    values: tuple[FileValue, ...]
    asked_by: str

    def missing(self) -> Limit:
        """Return it with what is not there yet."""
        read = files.reader(self.directory)
        return replace(self, values=tuple(value for value in self.values if read(value.name) != value.text))


Limits = tuple[Limit, ...]

_DEVICE_RULES = ("devices.allow", "devices.deny")
_RULES_LIST = "devices.list"
_ALL_DEVICES = "a *:* rwm"
# Files of one line for each device; what takes a device's line away is "<device> 0", but of these:
_WITHOUT_LINE = {
    "io.max": "{} rbps=max wbps=max riops=max wiops=max",
    "io.weight": "{} default",
    "io.bfq.weight": "{} default",
    "blkio.bfq.weight_device": "{} default",
}
_WITH_LINES = ("blkio.throttle.", "blkio.weight_device", "blkio.leaf_weight_device", "net_prio.ifpriomap", "rdma.max")


@contextlib.contextmanager
def put_back_if_it_fails(limits: Limits) -> Iterator[None]:
    """Read now what `limits` are going to change, and write it again where the block ends by an error.

    What cannot be put back is added to the error's hint; the error stays the one that it was.
    """
    before = tuple(_Before.of(limit.directory, limit.values) for limit in limits)
    try:
        yield
    except BaseException as problem:
        stays = [name for one in reversed(before) for name in one.put_back()]
        if stays and isinstance(problem, ContainerdError):
            told = f"what was written before that stays: {', '.join(stays)}"
            problem.hint = f"{problem.hint}; {told}" if problem.hint else told
        raise


@dataclass(frozen=True)
class _Before:
    """contents: of the files that are to be changed; undo: what has them again, the last first."""

    directory: str
    contents: dict[str, str | None]
    undo: tuple[FileValue, ...]

    @classmethod
    def of(cls, directory: str, values: Iterable[FileValue]) -> _Before:
        read = files.reader(directory)
        names = {_RULES_LIST if value.name in _DEVICE_RULES else value.name for value in values}
        undone = {("" if value.name in _DEVICE_RULES else value.name, _line_of(value)): value for value in values}
        written = (one for value in reversed(undone.values()) for one in undo(value, read))
        return cls(directory, {name: read(name) for name in sorted(names)}, tuple(written))

    def put_back(self) -> tuple[str, ...]:
        """Return the names of files that are not as before. Values that bound each other go in any order (`waits`)."""
        try:
            files.write_all(self.directory, self.undo)
        except ContainerdError:
            for value in self.undo:
                with contextlib.suppress(ContainerdError):
                    files.write_all(self.directory, (value,))
        read = files.reader(self.directory)
        return tuple(name for name, content in self.contents.items() if read(name) != content)


def undo(value: FileValue, read: Read) -> tuple[FileValue, ...]:
    """Return what is to be written to have again what is there now; nothing where a file does not tell that."""
    if value.name in _DEVICE_RULES:
        return _device_rules(read(_RULES_LIST))
    content = read(value.name)
    line = _line_of(value)
    if content is None:
        return ()  # no such file: nothing is written to it
    if line:
        text = next((there for there in content.splitlines() if there.split(" ")[0] == line), None)
        text = text or _WITHOUT_LINE.get(value.name, "{} 0").format(line)
    elif value.name == "memory.oom_control":
        text = content.split()[1]  # after "oom_kill_disable"
    elif "\n" in content:
        return ()
    else:
        text = content or "\n"  # an empty list of cpuset: write(2) of nothing is no write
    return (FileValue(value.name, text, waits=True),)


def _line_of(value: FileValue) -> str:
    """Return the device, or "default", whose line of the file it changes; "" for a file of one value."""
    if value.name.startswith(_WITH_LINES):
        return value.text.split(" ")[0]
    if value.name in _WITHOUT_LINE:
        first, *rest = value.text.split(" ")
        return first if rest else "default"
    return ""


def _device_rules(listed: str | None) -> tuple[FileValue, ...]:
    if listed is None:
        return ()
    rules = listed.splitlines()
    if _ALL_DEVICES in rules:
        return (FileValue("devices.allow", "a"),)
    return (FileValue("devices.deny", "a"), *(FileValue("devices.allow", rule) for rule in rules))
