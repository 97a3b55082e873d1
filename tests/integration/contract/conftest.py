"""A daemon with containers in every state, for all tests of this folder."""

from __future__ import annotations

import asyncio
import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from schemathesis import checks as builtin
from schemathesis.generation import GenerationMode

from tests.integration.api_client import Answer, check_answer
from tests.integration.conftest import make_rootfs
from tests.integration.contract.harmless import Harmless
from tests.integration.contract.population import Population
from tests.integration.daemon_process import Daemon
from tests.integration.unix_requests import CUT, UnixAdapter
from tests.surroundings import settling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis import Case
    from schemathesis.core.transport import Response

_BASE = "http://localhost"


@schemathesis.serializer("application/x-tar")
def one_file(_context: Any, value: Any) -> bytes:
    """Whatever is made up is what a file in an archive has in it."""
    content = value if isinstance(value, bytes) else repr(value).encode("utf-8", "backslashreplace")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("made-up")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


@dataclass(frozen=True)
class Target:
    """A daemon with something in it, to which requests go that do no harm."""

    session: requests.Session
    population: Population
    harmless: Harmless

    def answer(self, case: Case[Any], *, runs: bool) -> Response:
        right = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
        self.harmless.tame(case, runs=runs and right)
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self.population.id_of(case.path_parameters["id"])
        response: Response = case.call(base_url=_BASE, session=self.session)
        return response

    def check(self, case: Case[Any], response: Response, checks: list[Any]) -> None:
        """Hold an answer against the document; of one that was cut off, the head."""
        cut = CUT.lower() in response.headers
        left_out = {
            builtin.response_schema_conformance: cut,
            builtin.not_a_server_error: response.status_code == 101,  # which it takes for one
        }
        chosen = [one for one in checks if not left_out.get(one, False)]
        case.validate_response(response, checks=chosen, transport_kwargs={"base_url": _BASE})
        if not cut:
            _check_lines(case, response)


def _check_lines(case: Case[Any], response: Response) -> None:
    """Schemathesis does not look into lines of JSON."""
    headers = {"Content-Type": response.headers.get("content-type", [""])[0]}
    if headers["Content-Type"].startswith("application/x-ndjson"):
        check_answer(case.method, case.path, Answer(response.status_code, response.content, headers))


@pytest.fixture(autouse=True)
def settled() -> None:
    """The daemon stays from test to test, and so do cgroups that it has made; `target` looks when it is gone."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("api")
    with settling():
        yield from _serving(folder)


@pytest.fixture
def short_lived(tmp_path: Path) -> Iterator[Target]:
    """A daemon for one test."""
    with settling():
        yield from _serving(tmp_path)


def _serving(folder: Path) -> Iterator[Target]:
    rootfs = make_rootfs(folder)
    daemon = Daemon(folder)
    daemon.start()
    try:
        asyncio.run(daemon.answering())
        with requests.Session() as session:
            session.mount(_BASE, UnixAdapter(daemon.socket))
            session.headers.clear()  # they would take the place of those of a WebSocket's handshake
            population = Population(session, str(rootfs))
            yield Target(session, population, Harmless(rootfs, folder / "nowhere"))
            population.remove()
        assert daemon.stop() == 0, daemon.log
        assert not daemon.errors, daemon.log
    finally:
        daemon.close()
