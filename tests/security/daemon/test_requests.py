"""R19: what is executed is what was checked: no second request in a first one's body, and nothing larger than it may be.

Bodies that are wrong in themselves are in tests/integration/api/test_bad_input.py. [CVE-2024-41110, CVE-2026-34040]
"""

import asyncio
import os
import socket

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

_SILENCE_S = 2.0
_HEAD = b"POST /v1/containers HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
_HIDDEN = b'{"rootfs": "/smuggled", "args": ["/bin/true"]}'
HIDDEN = _HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(_HIDDEN) + _HIDDEN
BODY = b'{"args": []}'

SMUGGLED: dict[str, bytes] = {
    "both lengths": _HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "both, the other way": _HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": _HEAD + b"Content-Length: 12\r\nContent-Length: %d\r\n\r\n" % (12 + len(HIDDEN)) + BODY + HIDDEN,
    "a list of lengths": _HEAD + b"Content-Length: 12, 12\r\n\r\n" + BODY + HIDDEN,
    "a length with a sign": _HEAD + b"Content-Length: +12\r\n\r\n" + BODY + HIDDEN,
    "a length below nothing": _HEAD + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "a length in hexadecimal": _HEAD + b"Content-Length: 0xc\r\n\r\n" + BODY + HIDDEN,
    "a length with a space": _HEAD + b"Content-Length : 12\r\n\r\n" + BODY + HIDDEN,
    "a folded length": _HEAD + b"Content-Length:\r\n 12\r\n\r\n" + BODY + HIDDEN,
    "an unknown coding": _HEAD + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "a coding in disguise": _HEAD + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding and none": _HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two codings": _HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a chunk with a sign": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + HIDDEN,
    "a chunk of letters": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + HIDDEN,
    "a chunk that is too short": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}" + HIDDEN,
    "a chunk that is huge": _HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n" + HIDDEN,
    "a line feed alone": _HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 0\n\n" + HIDDEN,
    "a NUL in a name": _HEAD + b"X\0: 1\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "an upgrade": b"GET /v1/_ping HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + HIDDEN,
}
"""A checker that stands before the daemon might take each for one request, where the daemon would see two."""

LARGE: dict[str, bytes] = {
    "a path": b"GET /v1/" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a header": b"GET /v1/_ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "a name": b"GET /v1/_ping HTTP/1.1\r\nHost: localhost\r\n" + b"a" * 70_000 + b": x\r\n\r\n",
    "headers": b"GET /v1/_ping HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
    "a body": _HEAD + b"Content-Length: 99999999999\r\n\r\n" + b"{" * 100_000,
    "a chunk's extension": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 100_000 + b"\r\n{\r\n0\r\n\r\n",
    "a trailer": _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
}


def send(daemon: Daemon, request: bytes) -> bytes:
    """Send bytes; return what comes back until it hangs up, or waits for more."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_SILENCE_S)
        client.connect(str(daemon.socket))
        answer = b""
        try:
            client.sendall(request)
            while data := client.recv(65_536):
                answer += data
        except (ConnectionError, TimeoutError):
            pass
        return answer


async def unharmed(api: Api) -> bool:
    return (await api.get("/v1/containers")).json["containers"] == [] and (await api.get("/v1/_ping")).status == 200


async def test_no_request_is_hidden_in_another(api: Api, daemon: Daemon) -> None:
    """It would be told by its root file system, which is not there."""
    answers = await asyncio.gather(*(asyncio.to_thread(send, daemon, request) for request in SMUGGLED.values()))
    for what, answer in zip(SMUGGLED, answers, strict=True):
        assert b"/smuggled" not in answer, what
    assert await unharmed(api)


async def test_what_is_sent_after_a_request_is_a_request(api: Api, daemon: Daemon) -> None:
    """Else the test above would show nothing."""
    whole = _HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    assert b"/smuggled" in await asyncio.to_thread(send, daemon, whole + HIDDEN)
    assert await unharmed(api)


async def test_nothing_is_larger_than_it_may_be(api: Api, daemon: Daemon) -> None:
    resident = resident_bytes(daemon.pid)
    answers = await asyncio.gather(*(asyncio.to_thread(send, daemon, request) for request in LARGE.values()))
    for what, answer in zip(LARGE, answers, strict=True):
        assert not answer or answer.split()[1] in (b"400", b"413", b"414", b"431"), (what, answer[:200])
    assert await unharmed(api)
    assert resident_bytes(daemon.pid) < resident + (64 << 20)


def resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
