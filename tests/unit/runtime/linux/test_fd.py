"""A file descriptor is closed once, by its owner."""

import os

import pytest

from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.syscall import Flags, call


def test_it_closes_once() -> None:
    fd = Fd(os.memfd_create("t"))
    number = fd.fileno()
    with fd:
        os.fstat(number)
    fd.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    with pytest.raises(ValueError, match="closed"):
        fd.fileno()


def test_taking_hands_over() -> None:
    with Fd(os.memfd_create("t")) as fd:
        number = fd.take()
    os.fstat(number)
    os.close(number)


def test_flags_read_short() -> None:
    class Some(Flags):
        ONE = 1
        TWO = 2

    assert repr(Some.ONE | Some.TWO) == "ONE|TWO"
    assert repr(Some(0)) == "0"


def test_a_failed_call_shows_itself_and_keeps_its_class() -> None:
    with pytest.raises(FileNotFoundError, match=r"umount2\('/nowhere/at/all', 0\): No such file") as caught:
        call("umount2", "/nowhere/at/all", 0)
    assert caught.value.errno == 2


def test_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        call("umount2", "a\0b", 0)
