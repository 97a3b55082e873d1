"""No pseudoterminal is left: in a container's own devpts, which has fewer than asked for."""

from pathlib import Path

import pytest

from tests.faults.leaks import Leaks
from tests.integration.api.test_execs import begin, create
from tests.integration.api.test_streams import remove, start
from tests.integration.api_client import Api
from tests.integration.runtime.workshop import document

_ONE = ("newinstance", "ptmxmode=0666", "mode=0620", "max=1")


@pytest.mark.usefixtures("leaks")
async def test_who_asks_for_one_too_many_is_told_to_come_again(api: Api, rootfs: Path, leaks: Leaks) -> None:
    made = document({"root.path": str(rootfs), "process.args": ["/bin/sleep", "1000"], "process.cwd": "/"})
    made["mounts"].append({"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": [*_ONE]})
    answer = await api.post("/v1/containers", json={"oci": made})
    assert answer.status == 201, answer.body
    container = str(answer.json["id"])
    await start(api, container)
    first = await begin(api, container, "/bin/sleep", "1000", terminal=True)
    second = await create(api, container, "/bin/true", terminal=True)
    refused = await api.post(f"/v1/exec/{second}/start")
    told = refused.error(503, "unavailable", errno="ENOSPC")
    assert "kernel.pty.max" in told["hint"]
    assert (await api.post(f"/v1/exec/{first}/kill")).status == 204
    assert (await api.post(f"/v1/exec/{first}/wait")).json["signal"] == "SIGKILL"
    assert (await api.post(f"/v1/exec/{second}/start")).status == 204
    assert (await api.post(f"/v1/exec/{second}/wait")).json["exit_code"] == 0
    await remove(api, container)
