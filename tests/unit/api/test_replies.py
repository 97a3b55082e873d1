"""Where replies and errors become HTTP."""

import errno
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from containerd_py import errors
from containerd_py.api import replies
from containerd_py.api.replies import Reply
from containerd_py.errors import ContainerdError
from containerd_py.wire import Created

EXPECTED = {
    errors.InvalidArgument: (400, "invalid_argument"),
    errors.Forbidden: (403, "forbidden"),
    errors.NotFound: (404, "not_found"),
    errors.Conflict: (409, "conflict"),
    errors.NotSupported: (422, "not_supported"),
    errors.Internal: (500, "internal"),
    errors.Unavailable: (503, "unavailable"),
    errors.DeadlineExceeded: (504, "deadline_exceeded"),
    errors.OutOfSpace: (507, "out_of_space"),
}


def written(problem: Exception) -> tuple[int, dict[str, Any]]:
    response = replies.write_error(problem)
    assert response.content_type == "application/json"
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


def kinds(kind: type[ContainerdError]) -> set[type[ContainerdError]]:
    """Return the errors below one; those of a client's own never come to the API."""
    below = {child for child in kind.__subclasses__() if child.__module__ == errors.__name__}
    return below.union(*map(kinds, below))


def test_every_error_has_a_status() -> None:
    assert set(replies.STATUS) == kinds(ContainerdError)
    assert {kind: status for kind, (status, _name) in EXPECTED.items()} == replies.STATUS


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_error_tells_all_it_knows(kind: type[ContainerdError]) -> None:
    status, body = written(kind("cannot do it: no", step="mount", errno=errno.ENOENT, hint="try"))
    assert (status, body["kind"]) == EXPECTED[kind]
    assert body == {
        "kind": kind.kind,
        "message": "cannot do it: no",
        "step": "mount",
        "errno": "ENOENT",
        "hint": "try",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert written(errors.NotFound("cannot find it"))[1] == {"kind": "not_found", "message": "cannot find it"}


def test_an_internal_error_is_logged_and_others_are_not(logs: list[Any]) -> None:
    for kind in EXPECTED:
        written(kind("cannot do it", step="here"))
    assert [(entry["log_level"], entry["message"], entry["step"]) for entry in logs] == [("error", "cannot do it", "here")]


@pytest.mark.parametrize("problem", [RuntimeError("s3cret /etc/shadow"), KeyError("s3cret"), OSError(5, "s3cret", "/x")])
def test_what_nobody_foresaw_is_logged_and_shows_nothing(problem: Exception, logs: list[Any]) -> None:
    status, body = written(problem)
    assert (status, body["kind"]) == (500, "internal")
    assert "s3cret" not in json.dumps(body)
    assert type(problem).__name__ in body["message"]
    assert body["hint"]
    assert problem in [entry.get("exc_info") for entry in logs]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN])
def test_a_host_without_room_is_asked_again_later(number: int, logs: list[Any]) -> None:
    status, body = written(OSError(number, "no room"))
    assert (status, body["kind"], body["errno"]) == (503, "unavailable", errno.errorcode[number])
    assert body["hint"]
    assert logs == []


@pytest.mark.parametrize(
    ("problem", "status", "kind"),
    [
        (web.HTTPNotFound(), 404, "not_found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405, "invalid_argument"),
        (web.HTTPRequestEntityTooLarge(10, 11), 413, "invalid_argument"),
        (web.HTTPServiceUnavailable(), 503, "unavailable"),
    ],
)
def test_errors_of_http_look_like_ours(problem: web.HTTPException, status: int, kind: str) -> None:
    found_status, body = written(problem)
    assert (found_status, body["kind"]) == (status, kind)
    assert body["message"].startswith("cannot serve request: ")


def test_a_wrong_method_tells_the_right_ones() -> None:
    assert replies.write_error(web.HTTPMethodNotAllowed("PUT", ["GET", "POST"])).headers["Allow"] == "GET,POST"


def test_replies_by_their_bodies() -> None:
    nothing, text = replies.write(Reply(204)), replies.write(Reply(200, "OK\n"))
    assert (nothing.status, nothing.body) == (204, None)
    assert (text.status, text.text, text.content_type) == (200, "OK\n", "text/plain")
    found = replies.write(Reply(201, Created(id="abc", name="web")))
    assert (found.status, found.content_type, found.body) == (201, "application/json", b'{"id":"abc","name":"web"}\n')
