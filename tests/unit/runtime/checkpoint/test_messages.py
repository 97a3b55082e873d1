"""The bytes of CRIU's protocol."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py.runtime.checkpoint.messages import (
    Answer,
    CgroupMode,
    ExternalMount,
    Features,
    Kind,
    Options,
    PageServer,
    Request,
    decode,
    encode,
)
from tests.unit.runtime.checkpoint.protocol import FEATURES, VERSION, answer, fields, moment, number, part


def test_a_request_has_the_numbers_of_the_protocol() -> None:
    options = Options(
        images_dir_fd=5,
        pid=300,
        leave_running=True,
        tcp_established=False,
        page_server=PageServer("::1", 80),
        ext_mnt=(ExternalMount("/a", "/b"), ExternalMount("/c", "/d")),
        manage_cgroups_mode=CgroupMode.IGNORE,
    )
    found = fields(encode(Request(kind=Kind.DUMP, options=options)))
    assert found[1] == [1]
    inner = fields(found[2][0])
    assert (inner[1], inner[2], inner[3], inner[5], inner[34]) == ([5], [300], [1], [0], [0])
    assert fields(inner[11][0]) == {1: [b"::1"], 2: [80]}
    assert [fields(one) for one in inner[23]] == [{1: [b"/a"], 2: [b"/b"]}, {1: [b"/c"], 2: [b"/d"]}]
    assert set(inner) == {1, 2, 3, 5, 11, 23, 34}


@given(st.integers(min_value=-(2**31), max_value=2**32 - 1))
def test_numbers_of_every_size(value: int) -> None:
    (found,) = fields(encode(Options(images_dir_fd=value)))[1]
    assert found == value % 2**64


def test_answers_are_read() -> None:
    assert decode(VERSION).version == 40_201
    assert decode(FEATURES).features == Features(mem_track=True, lazy_pages=True)
    assert decode(moment("post-restore", 77)) == Answer(6, success=True, notification="post-restore", pid=77)
    assert decode(answer(2, part(4, number(1, 9)))).pid == 9
    failed = decode(answer(1, number(7, 3), part(9, b"why"), success=False))
    assert (failed.success, failed.errno, failed.message) == (False, 3, "why")


def test_fields_of_later_versions_are_passed_over() -> None:
    later = bytes((15 << 3 | 1, *range(8), 15 << 3 | 5, *range(4), 14 << 3, 1))
    assert decode(answer(1) + later) == decode(answer(1))


@given(st.binary(max_size=60))
def test_whatever_else_comes_is_no_answer(data: bytes) -> None:
    try:
        found = decode(data)
    except ValueError:
        return
    assert isinstance(found, Answer)


@pytest.mark.parametrize("data", [b"", number(1, 1), VERSION[:-2], part(1, b"x") + number(2, 1), b"\x0b\x00", b"\x80" * 30])
def test_what_is_cut_off_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        decode(data)
