"""What a caller leaves open of 0, 1 and 2: no error goes untold, and no command fails, for what is missing."""

import json
from pathlib import Path

import pytest

from tests.oci.containers import Containers

READ_ONLY = pytest.param("exec 2</dev/null", id="read only")  # as containerd does for the sandbox of a pod
CLOSED = pytest.param("exec 2>&-", id="closed")


def told_in(log: Path) -> list[str]:
    return [json.loads(line)["msg"] for line in log.read_text().splitlines()]


@pytest.mark.lacks("crun", "has the descriptor of its log where stderr was", some=True)
@pytest.mark.parametrize("stderr", [READ_ONLY, CLOSED])
def test_an_error_is_in_the_log_whatever_stderr_is(oci: Containers, place: Path, stderr: str) -> None:
    log = place / "log"
    result = oci.runtime("--log", log, "--log-format", "json", "state", "nobody", before=stderr)
    assert result.code == 1
    assert any("container" in line for line in told_in(log)), told_in(log)


@pytest.mark.lacks("crun", "has the descriptor of its log where stderr was", some=True)
@pytest.mark.parametrize("stderr", [READ_ONLY, CLOSED])
def test_so_is_that_of_a_bundle_that_is_none(oci: Containers, place: Path, stderr: str) -> None:
    log = place / "log"
    command = ("--log", log, "--log-format", "json", "create", "--bundle", place / "none", "box")
    assert oci.runtime(*command, before=stderr).code == 1
    assert any("none" in line for line in told_in(log)), told_in(log)


@pytest.mark.lacks("crun", "has its output where the descriptor was")
def test_a_command_needs_none_of_the_three(oci: Containers) -> None:
    closed = "exec <&- >&- 2>&-"
    box = oci.start({}, before=closed)
    assert oci.runtime("state", box.id, before=closed).code in (0, 1)  # it has nowhere to write
    assert oci.runtime("exec", box.id, "/bin/true", before=closed).code == 0
    assert oci.runtime("kill", box.id, "KILL", before=closed).code == 0
    box.await_status("stopped")
    assert oci.runtime("delete", box.id, before=closed).code == 0
