"""CRIU's side of its protocol, for tests: messages by hand, and a program that answers with them."""

import sys
from pathlib import Path
from typing import Any


def number(field: int, value: int) -> bytes:
    """Return a field of a small number."""
    assert field < 16
    assert value < 128
    return bytes((field << 3, value))


def part(field: int, data: bytes) -> bytes:
    assert field < 16
    assert len(data) < 128
    return bytes((field << 3 | 2, len(data))) + data


def answer(kind: int, *more: bytes, success: bool = True) -> bytes:
    return number(1, kind) + number(2, int(success)) + b"".join(more)


VERSION = answer(10, part(10, number(1, 4) + number(2, 2) + number(4, 1)))
OLD = answer(10, part(10, number(1, 3) + number(2, 11)))
FEATURES = answer(9, part(8, number(1, 1) + number(2, 1)))
NO_FEATURES = answer(9, part(8, number(1, 0) + number(2, 0)))


def moment(name: str, pid: int | None = None) -> bytes:
    return answer(6, part(5, part(1, name.encode()) + (number(2, pid) if pid is not None else b"")))


def fake_criu(
    folder: Path,
    *,
    version: bytes = VERSION,
    features: bytes = FEATURES,
    then: tuple[bytes, ...] = (),
    logs: tuple[Path, str] | None = None,
) -> Path:
    """Make a program `criu` that answers, and appends the last request that is none of those to the file `asked`.

    logs: a file that it writes then, and what.
    """
    wrote = f"open({str(logs[0])!r}, 'w').write({logs[1]!r})" if logs else "pass"
    program = folder / "criu"
    program.write_text(
        f"""#!{sys.executable} -IS
import socket, sys
talk = socket.socket(fileno=int(sys.argv[2]))
said = talk.recv(65536)
known = {{10: {version!r}, 9: {features!r}}}.get(said[1])
if known is not None:
    talk.send(known)
else:
    open({str(folder / "asked")!r}, "wb").write(said)
    {wrote}
    for one in {then!r}:
        talk.send(one)
        if one[1] == 6 and not talk.recv(65536):
            break
"""
    )
    program.chmod(0o755)
    return program


def fields(data: bytes) -> dict[int, list[Any]]:
    """Return a message's fields: numbers, and bytes."""
    found: dict[int, list[Any]] = {}
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        value: Any
        value, place = _varint(data, place)
        if tag & 7 == 2:
            value, place = data[place : place + value], place + value
        found.setdefault(tag >> 3, []).append(value)
    return found


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while data[place] & 0x80:
        value |= (data[place] & 0x7F) << shift
        place, shift = place + 1, shift + 7
    return value | data[place] << shift, place + 1
