"""A client of the API for tests, which holds every answer against openapi.yaml."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import yaml

DOCUMENT: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
BASE = "http://localhost"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def error(self, status: int, kind: str, **fields: str | None) -> Any:
        """Assert that this is that error; return its document."""
        assert (self.status, self.json["kind"]) == (status, kind), self.body
        assert {name: self.json.get(name) for name in fields} == fields
        assert self.json["message"].startswith("cannot ")
        return self.json


def template_of(path: str) -> str:
    """Turn "/v1/containers/abc/start" into "/v1/containers/{id}/start"."""
    parts = path.split("?")[0].split("/")
    if len(parts) > 3 and parts[2] in ("containers", "exec", "operations"):
        parts[3] = "{id}"
    return "/".join(parts)


def check_answer(method: str, path: str, answer: Answer) -> None:
    """Hold an answer of a documented route against the document."""
    operation = DOCUMENT["paths"].get(template_of(path), {}).get(method.lower())
    if operation is None:
        assert answer.status in (403, 404, 405), f"{method} {path} is not in openapi.yaml"
        return
    assert str(answer.status) in operation["responses"], (
        f"{method} {path}: {answer.status} is not documented: {answer.body!r}"
    )
    response = operation["responses"][str(answer.status)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content")
    if not content:
        assert not answer.body
        return
    kind = answer.headers["Content-Type"].split(";")[0]
    assert kind in content
    schema = content[kind].get("x-itemSchema") or content[kind].get("schema")
    documents = [answer.json] if kind == "application/json" else []
    if kind == "application/x-ndjson":
        documents = [json.loads(line) for line in answer.body.splitlines()]
    for document in documents:
        jsonschema.Draft202012Validator(schema | {"components": DOCUMENT["components"]}).validate(document)


class Api:
    """Requests to one daemon."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self.session.request(method, BASE + path, **options) as response:
            answer = Answer(response.status, await response.read(), dict(response.headers))
        check_answer(method, path, answer)
        return answer

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Answer:
        return await self.request("POST", path, **options)

    async def delete(self, path: str) -> Answer:
        return await self.request("DELETE", path)

    async def create(self, rootfs: Path, *args: str, **fields: Any) -> str:
        answer = await self.post("/v1/containers", json={"rootfs": str(rootfs), "args": args, **fields})
        assert answer.status == 201, answer.body
        return str(answer.json["id"])

    async def run(self, rootfs: Path, *args: str, **fields: Any) -> tuple[Any, bytes]:
        """Create, start, wait, read the output, delete; return (exit, output)."""
        container = await self.create(rootfs, *args, **fields)
        assert (await self.post(f"/v1/containers/{container}/start")).status == 204
        ended = (await self.post(f"/v1/containers/{container}/wait")).json
        output = (await self.get(f"/v1/containers/{container}/logs")).body
        assert (await self.delete(f"/v1/containers/{container}")).status == 204
        return ended, output
