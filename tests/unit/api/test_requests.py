"""Parameters and bodies of requests."""

import json
import signal
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from containerd_py.api import requests
from containerd_py.api.requests import Query, signal_number
from containerd_py.errors import InvalidArgument
from containerd_py.wire import BundleSpec, ContainerSpec, OciSpec


def query(text: str) -> Query:
    return Query(make_mocked_request("GET", f"/?{text}"))


def with_body(value: Any) -> web.Request:
    request = make_mocked_request("POST", "/")
    request._read_bytes = value if isinstance(value, bytes) else json.dumps(value).encode()
    return request


# ── the query ──


def test_each_parameter_is_read_once() -> None:
    found = query("a=x&b=&c=1&c=2")
    assert (found.text("a"), found.text("b"), found.text("none")) == ("x", "", None)
    assert found.texts("c") == ("1", "2")
    found.done()
    assert found.text("a") is None


def test_a_parameter_nobody_asked_for_is_refused() -> None:
    found = query("all=true&x=1")
    found.boolean("all", default=False)
    with pytest.raises(InvalidArgument, match="cannot read parameter 'x': no such parameter here"):
        found.done()


@pytest.mark.parametrize("text", ["a=1&a=2", "a=1&a=1", "a&a="])
def test_a_parameter_given_twice_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="it is given 2 times"):
        query(text).text("a")


@pytest.mark.parametrize(
    ("text", "expected"), [("f=true", True), ("f=1", True), ("f=false", False), ("f=0", False), ("", True)]
)
def test_booleans(text: str, expected: bool) -> None:  # noqa: FBT001
    assert query(text).boolean("f", default=True) is expected


@pytest.mark.parametrize("text", ["", "yes", "True", "2", " 1"])
def test_what_is_no_boolean(text: str) -> None:
    with pytest.raises(InvalidArgument, match="true or false"):
        query(f"f={text}").boolean("f", default=True)


@pytest.mark.parametrize(("text", "expected"), [("n=0", 0), ("n=100", 100), ("n=007", 7), ("", None)])
def test_integers(text: str, expected: int | None) -> None:
    assert query(text).integer("n", least=0, most=100) == expected


@pytest.mark.parametrize("text", ["", "-1", "101", "1.0", "1e1", "%2B1", "٣", "1_0", "²", " 1", "9" * 21, "9" * 10_000])
def test_what_is_no_integer_in_its_bounds(text: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot read parameter 'n': 0 to 100, not"):
        query(f"n={text}").integer("n", least=0, most=100)


def test_a_required_integer_must_be_there() -> None:
    assert query("n=3").required_integer("n", least=1, most=5) == 3
    with pytest.raises(InvalidArgument, match="it is missing"):
        query("").required_integer("n", least=1, most=5)


@pytest.mark.parametrize(("text", "expected"), [("t=0", 0.0), ("t=1.5", 1.5), ("t=60", 60.0), ("", None)])
def test_seconds(text: str, expected: float | None) -> None:
    assert query(text).seconds("t", most=60) == expected


@pytest.mark.parametrize("text", ["", "-1", "60.1", "nan", "inf", "-inf", "1e400", "soon", "1s"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InvalidArgument, match="seconds, 0 to 60"):
        query(f"t={text}").seconds("t", most=60)


# ── signals ──


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SIGTERM", signal.SIGTERM),
        ("TERM", signal.SIGTERM),
        ("term", signal.SIGTERM),
        ("SigKill", signal.SIGKILL),
        ("15", 15),
        ("1", 1),
        ("64", 64),
        ("RTMIN", signal.SIGRTMIN),
        ("SIGRTMAX", signal.SIGRTMAX),
        *((name, int(number)) for name, number in signal.Signals.__members__.items()),
    ],
)
def test_signals_by_name_and_number(text: str, expected: int) -> None:
    assert signal_number(text) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "65", "-1", "999", "SIG", "SIGSIGTERM", "NOPE", "_DFL", "SIG_IGN", "1.0", "٣", "9\n"]
)
def test_what_is_no_signal(text: str) -> None:
    with pytest.raises(InvalidArgument, match="no such signal") as refused:
        signal_number(text)
    assert refused.value.hint


# ── bodies of create and explain ──


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"rootfs": "/r", "args": ["/x"]}, ContainerSpec(rootfs="/r", args=("/x",))),
        ({"bundle": "/b"}, BundleSpec(bundle="/b")),
        ({"oci": {"a": 1}, "name": "web"}, OciSpec(oci={"a": 1}, name="web")),
    ],
)
async def test_the_forms_are_told_apart(value: Any, expected: Any) -> None:
    assert await requests.create_request(with_body(value)) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({}, "not none of them"),
        ({"args": ["/x"]}, "not none of them"),
        ({"rootfs": "/r", "bundle": "/b"}, "not rootfs and bundle"),
        ({"bundle": "/b", "oci": {}}, "not bundle and oci"),
        ([], "no JSON object"),
        ("x", "no JSON object"),
        (None, "no JSON object"),
        (b"", "line 1"),
        (b'{"rootfs": "/r", "rootfs": "/s"}', "duplicate key 'rootfs'"),
        ({"rootfs": "/r"}, "args: Field required"),
        ({"rootfs": "/r", "args": []}, "args: "),
        ({"rootfs": "/r", "args": ["/x"], "surprise": 1}, "surprise: Extra inputs"),
        ({"rootfs": "r", "args": ["/x"]}, "rootfs: "),
        ({"rootfs": "/r", "args": ["/x"], "terminal": "yes"}, "terminal: "),
        ({"rootfs": "/r", "args": ["/x"], "id": "a\n"}, "id: "),
        ({"rootfs": "/r", "args": ["/x"], "name": "a..b"}, "name: "),
        ({"bundle": "/b", "rootfs2": "x"}, "rootfs2: "),
    ],
)
async def test_what_is_no_request(value: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await requests.create_request(with_body(value))
    assert refused.value.message.startswith("cannot parse request: ")
    assert words in refused.value.message
    assert refused.value.step == "parse"


async def test_a_refusal_tells_no_values() -> None:
    value = {"rootfs": "/r", "args": ["/x"], "env": {"PASSWORD": ["s3cret"]}}
    with pytest.raises(InvalidArgument, match=r"env\.PASSWORD: ") as refused:
        await requests.create_request(with_body(value))
    assert "s3cret" not in refused.value.message


async def test_at_most_five_problems_are_told() -> None:
    value = {"rootfs": "/r", "args": ["/x"]} | {f"x{number}": 1 for number in range(9)}
    with pytest.raises(InvalidArgument, match="; and 4 more") as refused:
        await requests.create_request(with_body(value))
    assert refused.value.message.count("Extra inputs") == 5
