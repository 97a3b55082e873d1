"""Requests that schemathesis makes up from openapi.yaml, wrong ones too, to a real daemon.

No answer is a 500, and none is otherwise than the document says. The examples are the same in every run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks as builtin
from schemathesis.generation import GenerationMode

from tests.integration.api_client import DOCUMENT, Answer, check_answer
from tests.integration.conftest import make_rootfs
from tests.integration.contract.harmless import Harmless
from tests.integration.contract.population import CONTAINERS, EXECS, Population
from tests.integration.daemon_process import Daemon
from tests.integration.unix_requests import CUT, UnixAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case
    from schemathesis.core.transport import Response

_BASE = "http://localhost"
_SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
_OPERATIONS = {found.ok().definition.raw["operationId"]: found.ok() for found in _SCHEMA.get_all_operations()}
_CHECKS = [
    builtin.not_a_server_error,
    builtin.status_code_conformance,
    builtin.content_type_conformance,
    builtin.response_headers_conformance,
    builtin.response_schema_conformance,
    builtin.negative_data_rejection,
    builtin.missing_required_header,
]
_STATEFUL = [*_CHECKS, builtin.use_after_free, builtin.ensure_resource_availability]
_QUICK = settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Target:
    """A daemon with something in it, to which requests go that do no harm."""

    session: requests.Session
    population: Population
    harmless: Harmless

    def answer(self, case: Case, *, runs: bool) -> Response:
        self.harmless.tame(case, runs=runs)
        if "id" in case.path_parameters:
            case.path_parameters["id"] = self.population.id_of(case.path_parameters["id"])
        response: Response = case.call(base_url=_BASE, session=self.session)
        return response

    def check(self, case: Case, response: Response, checks: list[Any]) -> None:
        """Hold an answer against the document; of one that was cut off, the head and the lines that came."""
        case.validate_response(response, checks=checks, transport_kwargs={"base_url": _BASE})


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("api")
    rootfs = make_rootfs(folder)
    daemon = Daemon(folder)
    daemon.start()
    try:
        asyncio.run(daemon.answering())
        with requests.Session() as session:
            session.mount(_BASE, UnixAdapter(daemon.socket))
            population = Population(session, str(rootfs))
            yield Target(session, population, Harmless(rootfs, folder / "nowhere"))
            population.remove()
        assert daemon.stop() == 0, daemon.log
        assert "level=error" not in daemon.log, daemon.log
    finally:
        daemon.close()


@pytest.mark.parametrize("operation", _OPERATIONS)
def test_every_answer_is_as_documented(target: Target, operation: str) -> None:
    """Of ours, with right and with wrong parameters and bodies, and of ids that are made up too."""
    asked = _OPERATIONS[operation]

    @_QUICK
    @given(data=st.data(), mode=st.sampled_from(GenerationMode), runs=st.booleans())
    def ask(data: st.DataObject, mode: GenerationMode, *, runs: bool) -> None:
        names = EXECS if asked.path.startswith("/v1/exec/") else CONTAINERS
        name = data.draw(st.sampled_from([*names, None])) if "{id}" in asked.path else None
        case = data.draw(asked.as_strategy(mode, path_parameters={"id": name} if name else None))
        target.population.settle()
        target.check(case, target.answer(case, runs=runs), _CHECKS)

    ask()
