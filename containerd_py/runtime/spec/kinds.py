"""What values of the specification may be, and what is told of one that is something else."""

from __future__ import annotations

from containerd_py.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from typing import Any

    from containerd_py.runtime.spec.base import Kind

    Place = tuple["Place", str | int] | None

_SHOWN = 5


class Findings:
    """What is wrong with a document.

    ignored: where it is given, the document is read as Go's runtimes do, and as the specification asks ("Extensibility"):
    what the specification does not have is left out, and told there; names may differ in case; null is as good as absent.
    """

    def __init__(self, ignored: list[str] | None = None) -> None:
        self._told: list[str] = []
        self._ignored = ignored

    @property
    def lenient(self) -> bool:
        return self._ignored is not None

    def add(self, place: Place, text: str) -> None:
        self._told.append(f"{path(place)}: {text}")

    def add_unknown(self, place: Place) -> None:
        if self._ignored is None:
            self.add(place, "Extra inputs are not permitted")
        else:
            self.ignore(place, "unknown property")

    def ignore(self, place: Place, what: str) -> None:
        """Tell of something that is left out."""
        if self._ignored is not None:
            self._ignored.append(f"{what} {path(place)}")

    def refuse(self, action: str) -> None:
        """Raise InvalidArgument where there are any, with five of them at most."""
        if self._told:
            more = f"; and {len(self._told) - _SHOWN} more" if len(self._told) > _SHOWN else ""
            raise InvalidArgument(f"{action}: {'; '.join(self._told[:_SHOWN])}{more}", step="parse")


def path(place: Place) -> str:
    """Return a place as "process.args.0"; that of the whole is "document"."""
    keys: list[str] = []
    while place is not None:
        place, key = place
        keys.append(str(key))
    return ".".join(reversed(keys)) or "document"


class Text:
    """A text without NUL, which no path, argument or name of the kernel can have. pattern: all of it looks so."""

    def __init__(self, pattern: str = "", *, prefix: str = "") -> None:
        self._pattern = pattern
        self._prefix = prefix

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if type(value) is not str:
            findings.add(place, "Input should be a valid string")
        elif "\0" in value:
            findings.add(place, "String should have no NUL")
        elif self._pattern and not _compiled(self._pattern).fullmatch(value):
            findings.add(place, f"String should match pattern '{self._pattern}'")
        elif not value.startswith(self._prefix):
            findings.add(place, f"String should begin with '{self._prefix}'")
        return value


def _compiled(pattern: str) -> re.Pattern[str]:
    import re  # here, since most documents need none

    return re.compile(pattern)


class Integer:
    """A whole number from `least` to `most`; a boolean is none (SECURITY R8)."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if type(value) is not int:
            findings.add(place, "Input should be a valid integer")
        elif value < self._least:
            findings.add(place, f"Input should be greater than or equal to {self._least}")
        elif value > self._most:
            findings.add(place, f"Input should be less than or equal to {self._most}")
        return value


class _Flag:
    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if type(value) is not bool:
            findings.add(place, "Input should be a valid boolean")
        return value


class Letters:
    """One or more of these letters, no more than there are: "rw" of "rwm". tolerated: others that are no error."""

    def __init__(self, letters: str, tolerated: str = "") -> None:
        self._letters = letters
        self._all = letters + tolerated

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if type(value) is not str or not 1 <= len(value) <= len(self._all) or value.strip(self._all):
            findings.add(place, f"Input should be letters of '{self._letters}'")
        return value


class OneOf:
    """One of these words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if value not in self._words:
            *others, last = map(repr, self._words)
            findings.add(place, f"Input should be {', '.join(others)} or {last}")
        return value


class Many:
    """A list; from Python, a tuple. least: so many items are in it."""

    def __init__(self, kind: Kind, least: int = 0) -> None:
        self.kind = kind
        self._least = least

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if not isinstance(value, list | tuple):
            findings.add(place, "Input should be a valid list")
            return ()
        if len(value) < self._least:
            findings.add(place, f"List should have at least {self._least} item")
        read = self.kind.read
        return tuple([read(item, (place, index), findings) for index, item in enumerate(value)])


class Table:
    """An object whose keys are not the specification's: names of devices, say."""

    def __init__(self, keys: Kind, values: Kind) -> None:
        self.keys = keys
        self.values = values

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if not isinstance(value, dict):
            findings.add(place, "Input should be an object")
            return {}
        keys, values = self.keys.read, self.values.read
        return {keys(key, (place, key), findings): values(item, (place, key), findings) for key, item in value.items()}


class _Other:
    """An object that is held as it is, to be refused by name."""

    def read(self, value: object, place: Place, findings: Findings) -> Any:
        if not isinstance(value, dict):
            findings.add(place, "Input should be an object")
        return value


TEXT = Text()
TEXTS = Many(TEXT)
FLAG = _Flag()
OTHER = _Other()
ID = Integer(0, 2**31 - 1)
"""A user or group id (SECURITY R8); -1 and 2**32-1 mean something else to the kernel."""

UNSIGNED = Integer(0, 2**64 - 1)
SIGNED = Integer(-(2**63), 2**63 - 1)
WORD = Integer(0, 2**32 - 1)
