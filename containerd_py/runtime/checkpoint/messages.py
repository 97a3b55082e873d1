"""The messages of CRIU's protocol (its rpc.proto), with those of their fields that are used here.

They are protocol buffers. The fields are numbers, texts and messages only, and few: a codec of that is shorter than what
would describe them to a library, and costs `pyrunc` no dependency (ADR 24).
"""

# ruff: noqa: RUF009 - what the calls return is dataclasses.field, with the number of the field
from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from enum import IntEnum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}  # wire types of fixed size, in bytes
_NUMBER = "number"


class Kind(IntEnum):
    """What is asked for (enum criu_req_type)."""

    DUMP = 1
    RESTORE = 2
    PRE_DUMP = 4
    NOTIFY = 6
    FEATURE_CHECK = 9
    VERSION = 10


class CgroupMode(IntEnum):
    """How cgroups below the container's own are treated (enum criu_cg_mode)."""

    IGNORE = 0
    SOFT = 3
    FULL = 4
    STRICT = 5


def _at(number: int) -> Any:
    """A field of this number; it is not sent where its value is None or ()."""
    return field(default=None, metadata={_NUMBER: number})


def _many(number: int) -> Any:
    return field(default=(), metadata={_NUMBER: number})


@dataclass(frozen=True, slots=True)
class PageServer:
    address: str | None = _at(1)
    port: int | None = _at(2)


@dataclass(frozen=True, slots=True)
class ExternalMount:
    """key: of the mount in the images, by which a restore finds it; value: what is mounted there."""

    key: str = _at(1)
    value: str = _at(2)


@dataclass(frozen=True, slots=True)
class InheritedFd:
    """fd: of CRIU's own."""

    key: str = _at(1)
    fd: int = _at(2)


@dataclass(frozen=True, slots=True)
class CgroupRoot:
    """controller: "" for cgroup v2."""

    controller: str = _at(1)
    path: str = _at(2)


@dataclass(frozen=True, slots=True)
class JoinedNamespace:
    kind: str = _at(1)
    path: str = _at(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """images_dir_fd, work_dir_fd: of the asking process. empty_ns: CLONE_NEW*. log_file: a name in the work directory."""

    images_dir_fd: int = _at(1)
    pid: int | None = _at(2)
    leave_running: bool | None = _at(3)
    ext_unix_sk: bool | None = _at(4)
    tcp_established: bool | None = _at(5)
    evasive_devices: bool | None = _at(6)
    shell_job: bool | None = _at(7)
    file_locks: bool | None = _at(8)
    log_level: int | None = _at(9)
    log_file: str | None = _at(10)
    page_server: PageServer | None = _at(11)
    notify_scripts: bool | None = _at(12)
    root: str | None = _at(13)
    parent_img: str | None = _at(14)
    track_mem: bool | None = _at(15)
    auto_dedup: bool | None = _at(16)
    work_dir_fd: int | None = _at(17)
    link_remap: bool | None = _at(18)
    ext_mnt: tuple[ExternalMount, ...] = _many(23)
    cgroup_roots: tuple[CgroupRoot, ...] = _many(25)
    rst_sibling: bool | None = _at(26)
    inherit_fd: tuple[InheritedFd, ...] = _many(27)
    manage_cgroups_mode: CgroupMode | None = _at(34)
    external: tuple[str, ...] = _many(37)
    empty_ns: int | None = _at(38)
    join_ns: tuple[JoinedNamespace, ...] = _many(39)
    freeze_cgroup: str | None = _at(44)
    tcp_skip_in_flight: bool | None = _at(46)
    lazy_pages: bool | None = _at(48)
    orphan_pts_master: bool | None = _at(50)
    config_file: str | None = _at(51)
    lsm_profile: str | None = _at(53)
    lsm_mount_context: str | None = _at(63)


@dataclass(frozen=True, slots=True)
class Features:
    """Asked for, and answered, by True."""

    mem_track: bool | None = _at(1)
    lazy_pages: bool | None = _at(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    kind: Kind = _at(1)
    options: Options | None = _at(2)
    notify_success: bool | None = _at(3)
    features: Features | None = _at(5)


@dataclass(frozen=True, slots=True)
class Answer:
    """notification: the name of a moment, "" where it is no notification; pid: what it is about, or was restored.

    version: as one number, 31700 for 3.17.
    """

    kind: int
    success: bool
    notification: str = ""
    pid: int = 0
    errno: int = 0
    message: str = ""
    features: Features = Features(mem_track=False, lazy_pages=False)
    version: int = 0


def encode(message: object) -> bytes:
    """Return a message of this module as bytes."""
    encoded = bytearray()
    for one in dataclasses.fields(message):  # type: ignore[arg-type]  # any of ours is a dataclass
        value = getattr(message, one.name)
        for single in value if isinstance(value, tuple) else () if value is None else (value,):
            encoded += _field(one.metadata[_NUMBER], single)
    return bytes(encoded)


def _field(number: int, value: object) -> bytes:
    if isinstance(value, int):  # bool and the enums too; a negative number as 64 bits
        return _varint(number << 3 | _VARINT) + _varint(value & (1 << 64) - 1)
    data = value.encode() if isinstance(value, str) else encode(value)
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def decode(data: bytes) -> Answer:
    """Read an answer. Raises ValueError for what is none."""
    try:
        found = dict(_fields(data))
        restored, notified, features, version = (dict(_fields(found.get(number, b""))) for number in (4, 5, 8, 10))
        return Answer(
            kind=_signed(found[1]),
            success=bool(_signed(found[2])),
            notification=notified.get(1, b"").decode(),
            pid=_signed(notified.get(2) or restored.get(1) or 0),
            errno=_signed(found.get(7, 0)),
            message=found.get(9, b"").decode(errors="replace"),
            features=Features(bool(features.get(1)), bool(features.get(2))),
            version=version.get(1, 0) * 10_000 + version.get(2, 0) * 100 + version.get(4, 0),
        )
    except (KeyError, IndexError, TypeError, AttributeError) as problem:
        raise ValueError(f"not an answer of CRIU: {problem!r}") from problem


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield (number, value): a number, or bytes; of a repeated one the last counts."""
    place = 0
    while place < len(data):
        tag, place = _read_varint(data, place)
        if tag & 7 == _VARINT:
            value: int | bytes
            value, place = _read_varint(data, place)
        else:
            size, place = _read_varint(data, place) if tag & 7 == _BYTES else (_FIXED[tag & 7], place)
            if place + size > len(data):
                raise IndexError("it is cut off")
            value, place = data[place : place + size], place + size
        yield tag >> 3, value


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if not byte & 0x80:
            return value, place
        shift += 7


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
