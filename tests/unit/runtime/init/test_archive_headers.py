"""Reading headers of archives that come as a stream."""

import io
import os
import tarfile
from collections.abc import Callable
from typing import TypeVar

import pytest

from containerd_py.runtime.init.archive.headers import LARGEST_HEADER, Intake, members
from containerd_py.runtime.init.steps import StepFailed
from containerd_py.runtime.linux.memfd import sealed
from tests.integration.api.tars import member, tar

Result = TypeVar("Result")


def with_intake(data: bytes, use: Callable[[Intake], Result]) -> Result:
    with sealed("archive", data) as file:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return use(Intake(file.fileno()))


def names(data: bytes) -> list[str]:
    return with_intake(data, lambda intake: [info.name for info in members(intake)])


@pytest.mark.parametrize("format_", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_found_whoever_reads_their_data(format_: int) -> None:
    data = tar(member("a", b"1" * 700), member("d" * 90, b""), member("e", b"2" * 512), format_=format_)
    assert names(data) == ["a", "d" * 90, "e"]
    read = with_intake(data, lambda intake: [b"".join(intake.pieces(info.size)) for info in members(intake)])
    assert read == [b"1" * 700, b"", b"2" * 512]


def test_a_broken_header_in_the_middle_is_no_end() -> None:
    """tarfile itself takes it for one."""
    data = bytearray(tar(member("a", b"1"), member("b", b"2")))
    data[1024:1030] = b"broken"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["a"]
    with pytest.raises(StepFailed, match="broken one, at byte 1024"):
        names(bytes(data))


def test_no_header_is_larger_than_it_may_be() -> None:
    with pytest.raises(StepFailed, match="larger"):
        with_intake(b"", lambda intake: intake.read(LARGEST_HEADER + 1))
    large = tar(member("a", b"", pax_headers={"comment": "x" * LARGEST_HEADER}))
    with pytest.raises(StepFailed, match="larger"):
        names(large)
    assert names(tar(member("a", b"", pax_headers={"comment": "x" * (LARGEST_HEADER - 1024)}))) == ["a"]


@pytest.mark.parametrize("kept", [0, 100, 512, 1024])
def test_the_end_mark_is_needed(kept: int) -> None:
    with pytest.raises(StepFailed, match="cut off"):
        names(tar(member("a", b"1"))[:kept])
