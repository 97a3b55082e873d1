"""Each link of openapi.yaml leads from an answer to a request that succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api_client import DOCUMENT, Answer, check_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.contract.conftest import Target

pytestmark = pytest.mark.xdist_group("contract links")  # one process makes what its tests share

_OPERATIONS = {
    one["operationId"]: (method.upper(), path, one)
    for path, item in DOCUMENT["paths"].items()
    for method, one in item.items()
    if method != "parameters"
}
_OF_WHOM = {
    "start_container": "created",
    "pause_container": "running",
    "restart_container": "running",
    "create_exec": "running",
    "list_execs": "running",
    "start_exec": "exec-created",
    "list_containers": "?status=running",
}
"""Whom the first request of a link is about, so that it succeeds."""
_ARGS = ["/bin/sh", "-c", "echo hello; read -r line; exit 0"]
_BODIES: dict[str, Any] = {
    "create_exec": {"json": {"args": _ARGS, "stdin": True}},
    "update_container": {"json": {"restart": "no"}},
    "put_exec_stdin": {"data": b"hello\n"},
}


def _links() -> Iterator[tuple[str, str, str]]:
    """Yield the operation, the status and the name of each link."""
    for operation, (_, _, one) in _OPERATIONS.items():
        for status, answer in one["responses"].items():
            yield from ((operation, status, name) for name in answer.get("links", ()))


@pytest.mark.parametrize(("operation", "status", "name"), list(_links()))
def test_it_leads_to_a_success(target: Target, operation: str, status: str, name: str) -> None:
    target.population.settle()
    whom = target.population.id_of(_OF_WHOM.get(operation, ""))
    first = _ask(target, operation, whom)
    assert str(first.status_code) == status
    link = DOCUMENT["components"]["links"][name]
    assert set(link["parameters"]) == {"id"}
    second = _ask(target, link["operationId"], _value(link["parameters"]["id"], first, whom))
    assert second.status_code < 300, second.text


def _ask(target: Target, operation: str, whom: str) -> Any:
    """whom: an id, or a query."""
    method, path, _ = _OPERATIONS[operation]
    path = path.replace("{id}", whom) if "{id}" in path else path + whom
    bodies = _BODIES | {"create_container": {"json": {"rootfs": str(target.harmless.rootfs), "args": _ARGS, "stdin": True}}}
    answer = target.session.request(method, f"http://localhost{path}", **bodies.get(operation, {}))
    content = answer.content if operation not in ("wait_container", "wait_exec") else b""  # it may not have ended
    if content:
        check_answer(method, path, Answer(answer.status_code, content, dict(answer.headers)))
    return answer


def _value(expression: str, answer: Any, whom: str) -> str:
    """Evaluate the expressions that the document uses (OpenAPI, "Runtime Expressions")."""
    if expression == "$request.path.id":
        return whom
    value: Any = answer.json()
    for key in expression.removeprefix("$response.body#/").split("/"):
        value = value[int(key) if isinstance(value, list) else key]
    return str(value)
