"""What is kept of a plan tells of its failures as the plan itself does; of a plan of another version, what can be told."""

import json

import pytest

from containerd_py.errors import ContainerdError
from containerd_py.runtime.init.dialogue import Failed
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.outline import Outline, UnreadablePlan, read_outline
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.process import failure, vanished

PLAN = Plan(
    (),
    (
        op.MountFilesystem("tmpfs", "tmpfs", "/run", (), 0, origin="mounts.3"),
        op.PivotRoot(),
        op.RunHooks("startContainer", "created", (("/h", (), (), None),), origin="hooks.startContainer.1"),
        op.LoadSeccomp(bytes(8), 0, origin="linux.seccomp"),
        op.Exec(("/bin/é",), (), origin="process.args"),
    ),
)


def told(problem: ContainerdError) -> tuple[object, ...]:
    return (type(problem), problem.message, problem.step, problem.errno, problem.hint)


@pytest.mark.parametrize(
    "failed", [Failed(0, 22, "fsconfig"), Failed(1, 0, "oops"), Failed(2, 125, "ended"), Failed(4, 2, "")]
)
def test_a_failure_is_told_as_by_the_plan(failed: Failed) -> None:
    kept = read_outline(Outline.of(PLAN.operations, ("/a", "/a/b")).encode())
    assert kept == Outline.of(PLAN.operations, ("/a", "/a/b"))
    assert told(failure(kept, failed)) == told(failure(PLAN, failed))
    assert told(vanished(kept, None)) == told(vanished(PLAN, None))


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        (Failed(0, 22, ""), "cannot mount tmpfs on /run (mounts.3): Invalid argument"),
        (Failed(1, 1, ""), "cannot pivot into the root file system and detach the host's: Operation not permitted"),
        (
            Failed(2, 125, "it ended with 3"),
            "cannot run startContainer hook /h (hooks.startContainer.1): error running startContainer hook #1: "
            "it ended with 3",
        ),
        (Failed(4, 2, ""), "cannot execute /bin/é (process.args): exec /bin/é: no such file or directory"),
    ],
)
def test_the_place_in_the_document_is_named(failed: Failed, message: str) -> None:
    assert failure(PLAN, failed).message == message


@pytest.mark.parametrize("number", [1, 2, 99])
def test_the_step_of_a_whole_plan_is_named_whatever_its_format(number: int) -> None:
    """Earlier versions kept it; theirs may be the containers that a later one starts."""
    operations = [["Launder", 1, {"bytes": "AA=="}], ["Exec", ["/bin/true"]]]
    kept = read_outline(json.dumps({"format": number, "namespaces": [], "operations": operations}).encode())
    assert failure(kept, Failed(0, 1, "")).message == "cannot carry out Launder: Operation not permitted"
    missing = failure(kept, Failed(1, 2, ""))
    assert missing.message == "cannot carry out Exec: No such file or directory"
    assert "inside the root file system" in str(missing.hint)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b"\xff",
        b'{"outline": []}',
        b'{"outline": [["Exec"]]}',
        b'{"outline": [["Exec", "exec", "execute", 1]]}',
        b'{"outline": 1}',
        b'{"outline": [["Exec", "exec", "execute", ""]], "parents": [1]}',
        b'{"operations": [[]]}',
        b'{"operations": [[1]]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_plan_is_told(content: bytes) -> None:
    with pytest.raises(UnreadablePlan, match="cannot read plan: "):
        read_outline(content)
