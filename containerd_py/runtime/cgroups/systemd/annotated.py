"""Properties that annotations of the document ask for, as runc has it: "org.systemd.property.TimeoutStopUSec": "uint64 5".

The value is GVariant text. A name that ends in Sec stands for the one in USec: systemd.unit(5) has seconds, D-Bus has not.
"""

from __future__ import annotations

import math
import re

from containerd_py.errors import InvalidArgument, NotSupported
from containerd_py.runtime.cgroups.systemd.property import UNLIMITED, Property
from containerd_py.runtime.cgroups.systemd.variant import NotAVariant, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "org.systemd.property."

HARMLESS = frozenset(
    (
        "CollectMode",
        "FinalKillSignal",
        "IPAccounting",
        "IPAddressAllow",
        "IPAddressDeny",
        "KillSignal",
        "ManagedOOMMemoryPressure",
        "ManagedOOMMemoryPressureLimit",
        "ManagedOOMSwap",
        "RuntimeMaxUSec",
        "SendSIGHUP",
        "TimeoutStopUSec",
    )
)
"""What concerns the container alone, and is neither a limit nor a place: those are `linux.resources` and `cgroupsPath`."""

_OURS = frozenset(("PIDFDs", "PIDs", "Slice"))
"""Which processes are in the scope, and where it is, follows from the container."""

_NAME = re.compile("[A-Za-z]{3,}", re.ASCII)
_SECONDS = re.compile(".*[a-z]Sec", re.ASCII)
_LONGEST = 1 << 17
"""Buses take messages of a few MiB, with all properties of a unit, and hang up on who sends a larger one."""

_NUMBERS = frozenset("ynqiuxtd")


def of_annotations(annotations: Mapping[str, str]) -> tuple[Property, ...]:
    """Raises InvalidArgument naming the annotation."""
    found = {one.name: one for one in _found(annotations)}
    return tuple(found[name] for name in sorted(found))


def _found(annotations: Mapping[str, str]) -> Iterator[Property]:
    seen: dict[str, str] = {}
    for key, text in annotations.items():
        if not key.startswith(PREFIX):
            continue
        one = _property(key, text)
        if one.name in seen:
            raise _wrong(key, f"annotation {seen[one.name]!r} is for the same property")
        seen[one.name] = key
        yield one


def _property(key: str, text: str) -> Property:
    name = key.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise _wrong(key, "the name of a property is letters, three at least")
    if name in _OURS:
        raise _wrong(key, "it follows from the container", "linux.cgroupsPath tells the slice")
    if len(text) > _LONGEST:
        raise _wrong(key, f"it has more than {_LONGEST} characters")
    try:
        signature, value = parse(text)
    except NotAVariant as problem:
        told = f"{text[:80]!r} is no GVariant text: {problem}"
        raise _wrong(key, told, "such as uint64 5000000, true, or 'inactive' with its quotes") from problem
    if _SECONDS.fullmatch(name):
        name = f"{name.removesuffix('Sec')}USec"
        if signature not in _NUMBERS:
            raise _wrong(key, f"{text[:80]!r} is no number of seconds")
        signature, value = "t", _microseconds(key, value)
    return Property(name, signature, value, f"annotations.{key}")


def _microseconds(key: str, seconds: object) -> int:
    number = float(seconds) if isinstance(seconds, float | int) else math.nan
    if number == math.inf:
        return UNLIMITED
    if not 0 <= number < UNLIMITED / 1_000_000:
        raise _wrong(key, f"{seconds} is no number of seconds")
    return seconds * 1_000_000 if isinstance(seconds, int) else int(number * 1_000_000)


def check_harmless(annotations: Mapping[str, str]) -> None:
    """For clients that are not systemd's administrators. Raises InvalidArgument, NotSupported for any other property."""
    for one in of_annotations(annotations):
        if one.name not in HARMLESS:
            raise NotSupported(
                f"cannot set property {one.name} ({one.asked_by}): the daemon takes those that concern the container alone",
                step="systemd",
                hint=f"limits are linux.resources; annotations may set {', '.join(sorted(HARMLESS))}",
            )


def check_none(annotations: Mapping[str, str]) -> None:
    """Where no unit is made. Raises NotSupported."""
    key = next((key for key in annotations if key.startswith(PREFIX)), None)
    if key is not None:
        raise NotSupported(
            f"cannot set a property of a unit (annotations.{key}): the cgroup driver is not systemd",
            step="systemd",
            hint="start the daemon with the setting cgroup_driver = 'systemd', or leave the annotation out",
        )


def _wrong(key: str, cause: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"cannot use annotations.{key}: {cause}", step="systemd", hint=hint)
