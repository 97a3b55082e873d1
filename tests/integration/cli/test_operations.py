"""What was begun with --no-block, at a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.api.restarts import started
from tests.integration.cli.test_pyctr import pyctr

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.api_client import Api
    from tests.integration.daemon_process import Daemon


async def test_stop_restart_and_removal_are_not_waited_for(daemon: Daemon, api: Api, rootfs: Path) -> None:
    await started(api, rootfs, "trap '' TERM; while :; do sleep 0.05; done", name="web")
    begun = [
        (await pyctr(daemon, "restart", "--no-block", "-t", "0", "web")).out.strip(),
        (await pyctr(daemon, "stop", "--no-block", "-t", "0", "web")).out.strip(),
    ]
    waited = await pyctr(daemon, "operations", "wait", *begun)
    assert (waited.code, waited.out, waited.err) == (0, "done\ndone\n", "")
    told = json.loads((await pyctr(daemon, "operations", "inspect", begun[1])).out)
    assert (told["action"], told["exit"]["signal"]) == ("stop", "SIGKILL")
    begun.append((await pyctr(daemon, "rm", "--no-block", "web")).out.strip())
    assert (await pyctr(daemon, "operations", "wait", begun[2])).code == 0
    rows = (
        await pyctr(daemon, "operations", "ls", "--format", "{{.Action}} {{.Status}} {{.ContainerName}}")
    ).out.splitlines()
    assert rows == [f"{action} done web" for action in ("start", "restart", "stop", "delete")]
    assert (await pyctr(daemon, "operations", "ls", "-q")).out.splitlines()[1:] == begun
    assert "OPERATION" in (await pyctr(daemon, "operations", "ls")).out


async def test_a_failure_is_the_exit_code_of_its_wait(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await started(api, rootfs, "exec sleep 100", name="web")
    begun = (await pyctr(daemon, "rm", "--no-block", "web")).out.strip()
    waited = await pyctr(daemon, "operations", "wait", begun, "none")
    assert (waited.code, waited.out) == (1, "failed\n")
    assert waited.err.count("\n") == 2
    assert "cannot delete container" in waited.err
    assert "cannot find operation 'none'" in waited.err
    await api.delete(f"/v1/containers/{container}?force=true")
