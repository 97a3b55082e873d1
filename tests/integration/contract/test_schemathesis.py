"""Requests that schemathesis makes up from openapi.yaml, wrong ones too, to a real daemon.

No answer is a 500, and none is otherwise than the document says. The examples are the same in every run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

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
_SCHEMA.config.generation.modes = [GenerationMode.POSITIVE]  # of chains: one wrong request would end them
_SCHEMA.config.phases.stateful.inference.algorithms = []  # the links are those of the document
_OPERATIONS = {found.ok().definition.raw["operationId"]: found.ok() for found in cast("Any", _SCHEMA.get_all_operations())}
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
_WAITS_FOR_START = {("put_exec_stdin", "exec-created")}
"""What is written to an exec before its start waits for it, as documented; so would the test."""
_MODES = st.sampled_from([GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
_CHAINS = {
    "containers": ("^((?!exec).)*$", {"create_container", "start_container", "container_top", "delete_container"}),
    "execs": ("exec|^list_containers$", {"create_exec", "start_exec", "exec_logs", "delete_exec"}),
}
"""By subject: which operations are linked, and some that each run gets to."""
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
            session.headers.clear()  # they would take the place of those of a WebSocket's handshake
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
    known = EXECS if asked.path.startswith("/v1/exec/") else CONTAINERS
    names = [*(name for name in known if (operation, name) not in _WAITS_FOR_START), None]
    statuses = set()

    @_QUICK
    @given(data=st.data(), mode=_MODES, runs=st.booleans())
    def ask(data: st.DataObject, mode: GenerationMode, *, runs: bool) -> None:
        name = data.draw(st.sampled_from(names)) if "{id}" in asked.path else None
        case = data.draw(asked.as_strategy(mode, path_parameters={"id": name} if name else None))
        target.population.settle()
        response = target.answer(case, runs=runs)
        statuses.add(response.status_code)
        target.check(case, response, _CHECKS)

    ask()
    assert min(statuses) < 300, f"no request has succeeded: {statuses}"


@pytest.mark.parametrize("subject", _CHAINS)
def test_links_lead_on(target: Target, subject: str) -> None:
    """What one answer tells is asked for by the next requests, in chains as openapi.yaml links them."""
    met: set[str] = set()

    class Chains(_SCHEMA.include(operation_id_regex=_CHAINS[subject][0]).as_state_machine()):  # type: ignore[misc]  # the class is made of the document
        def setup(self) -> None:
            target.population.settle()

        def call(self, case: Case[Any], **_: Any) -> Response:
            response = target.answer(case, runs=True)
            if response.status_code < 300:
                met.add(case.operation.definition.raw["operationId"])
            return response

        def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
            target.check(case, response, _STATEFUL)

    Chains.run(settings=settings(_QUICK, max_examples=30, stateful_step_count=15))
    assert met >= _CHAINS[subject][1], sorted(met)
