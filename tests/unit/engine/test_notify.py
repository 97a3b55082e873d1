"""The words of sd_notify(3)."""

from typing import Any

import pytest

from containerd_py.engine.notify.messages import read
from containerd_py.store.records import NotifyState

SILENT = NotifyState(watchdog_s=3.0)


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        (b"", {}),
        (b"READY=1", {"ready": True}),
        (b"READY=0\nREADY", {}),
        (b"STATUS=a=b", {"status": "a=b"}),
        (b"STATUS=", {}),
        (b"STATUS=" + b"x" * 2000, {"status": "x" * 1024}),
        (b"STATUS=\xff\xfe", {"status": "\ufffd\ufffd"}),
        ("STATUS=of a client\u2028READY=1\x0bERRNO=5\r".encode(), {"status": "of a client\u2028READY=1\x0bERRNO=5\r"}),
        (b"STOPPING=1\nERRNO=2", {"stopping": True, "errno": 2}),
        (b"ERRNO=-1", {}),
        (b"ERRNO=4096", {}),
        (b"ERRNO=two", {}),
        (b"WATCHDOG_USEC=1500000", {"watchdog_s": 1.5}),
        (b"WATCHDOG_USEC=0", {"watchdog_s": None}),
        (b"WATCHDOG_USEC=999999999999999", {"watchdog_s": 86_400.0}),
        (b"WATCHDOG_USEC=9999999999999999", {}),
        (b"WATCHDOG_USEC=\xc2\xb2", {}),
        (b"MAINPID=1\nRELOADING=1\nFDSTORE=1\nx\n\n=\n", {}),
    ],
)
def test_what_is_said_is_on_record(data: bytes, changes: dict[str, Any]) -> None:
    heard = read(data, SILENT)
    assert heard.state.model_copy(update={"ready_at": None}) == SILENT.model_copy(update=changes)
    assert (heard.alive, heard.failed) == (False, False)


def test_it_becomes_ready_once() -> None:
    once = read(b"READY=1", SILENT).state
    assert once.ready_at is not None
    assert read(b"READY=1", once).state == once


def test_the_watchdog() -> None:
    assert read(b"WATCHDOG=1", SILENT).alive
    assert read(b"WATCHDOG=trigger", SILENT).failed
    assert not read(b"WATCHDOG=2", SILENT).alive
