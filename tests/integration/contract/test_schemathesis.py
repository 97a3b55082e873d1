"""Requests that schemathesis makes up from openapi.yaml, wrong ones too, to a real daemon.

No answer is a 500, and none is otherwise than the document says. The examples are the same in every run.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import checks as builtin
from schemathesis.generation import GenerationMode

from tests.integration.api_client import DOCUMENT
from tests.integration.contract.population import CONTAINERS, EXECS, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from schemathesis import Case
    from schemathesis.core.transport import Response

    from tests.integration.contract.conftest import Target

pytestmark = pytest.mark.xdist_group("contract")  # one process makes what its tests share

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
_NOWHERE_HERE = {"diff_container": 422}
"""What cannot succeed: these root file systems are plain directories, and no overlays, whose layers could be compared."""
_LAST = "shut_down"
"""After it a daemon makes and starts nothing: it has one of its own."""
_MODES = st.sampled_from([GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
_CHAINS = {"containers": "^((?!exec|shut_down).)*$", "execs": "exec|^list_containers$"}
"""By subject: which operations are linked."""
_CHAINS_MADE = 30
_CHAIN_RUNS = 10
_QUICK = settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


_KNOWN: dict[str, Iterable[str]] = {"exec": EXECS, "operations": OPERATIONS}
"""Whom a path is about, by what comes after the version; else it is a container."""
_MORE = {"explain": 150, "create_container": 60}
"""Of so many made-up descriptions of containers some are right ones."""


@pytest.mark.parametrize("operation", [name for name in _OPERATIONS if name != _LAST])
def test_every_answer_is_as_documented(target: Target, operation: str) -> None:
    """Of ours, with right and with wrong parameters and bodies, and of ids that are made up too."""
    asked = _OPERATIONS[operation]
    known = _KNOWN.get(asked.path.removeprefix("/v1/").partition("/")[0], CONTAINERS)
    names = [*(name for name in known if (operation, name) not in _WAITS_FOR_START), None]
    statuses = set()

    @settings(_QUICK, max_examples=_MORE.get(operation, _QUICK.max_examples))
    @given(data=st.data(), mode=_MODES, runs=st.booleans())
    def ask(data: st.DataObject, mode: GenerationMode, *, runs: bool) -> None:
        name = data.draw(st.sampled_from(names)) if "{id}" in asked.path else None
        case = data.draw(asked.as_strategy(mode, path_parameters={"id": name} if name else None))
        target.population.settle()
        response = target.answer(case, runs=runs)
        statuses.add(response.status_code)
        target.check(case, response, _CHECKS)

    ask()
    succeeded = min(statuses) < 300 or _NOWHERE_HERE.get(operation) in statuses
    assert succeeded, f"no request has succeeded: {statuses}"


def test_the_last_answer_is_as_documented(short_lived: Target) -> None:
    asked, statuses = _OPERATIONS[_LAST], set()

    @_QUICK
    @given(data=st.data(), mode=_MODES)
    def ask(data: st.DataObject, mode: GenerationMode) -> None:
        case = data.draw(asked.as_strategy(mode))
        response = short_lived.answer(case, runs=False)
        statuses.add(response.status_code)
        short_lived.check(case, response, _CHECKS)

    ask()
    assert min(statuses) < 300, f"no request has succeeded: {statuses}"


@pytest.mark.parametrize("subject", _CHAINS)
def test_chains_are_as_documented(target: Target, subject: str) -> None:
    """What one answer tells is asked for by the next requests, in chains as openapi.yaml links them."""

    made, wrong = 0, []

    class Chains(_SCHEMA.include(operation_id_regex=_CHAINS[subject]).as_state_machine()):  # type: ignore[misc]  # the class is made of the document
        def setup(self) -> None:
            nonlocal made
            made += 1
            target.population.settle()

        def call(self, case: Case[Any], **_: Any) -> Response:
            return target.answer(case, runs=True)

        def validate_response(self, response: Response, case: Case[Any], **_: Any) -> None:
            try:
                target.check(case, response, _STATEFUL)
            except BaseException as problem:
                wrong.append(problem)
                raise

    # What can be asked next depends on what a living daemon has answered: where that differs from an earlier chain that
    # began in the same way, hypothesis stops, and another run goes on with chains of its own.
    for number in range(_CHAIN_RUNS):
        with contextlib.suppress(FlakyStrategyDefinition):
            seed(number)(Chains).run(settings=settings(_QUICK, max_examples=_CHAINS_MADE, stateful_step_count=15))
        assert not wrong, wrong
        if made >= _CHAINS_MADE:
            return
    pytest.fail(f"{made} chains were made in {_CHAIN_RUNS} runs, not {_CHAINS_MADE}")
