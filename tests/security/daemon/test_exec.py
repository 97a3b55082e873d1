"""R11: what is run further in a container whose payload attacks it."""

import asyncio
from pathlib import Path

from tests.integration.api.restarts import output
from tests.integration.api_client import Api
from tests.security.conftest import Attack
from tests.security.daemon.many import done


async def test_a_payload_that_keeps_what_has_ended_hides_no_exit_code(api: Api, rootfs: Path, attack: Attack) -> None:
    """Nor does it keep its container from ending: a process that nobody reaps would keep the pid namespace."""
    attack("holder", rootfs / "bin/holder")
    box = await api.create(rootfs, "/bin/holder")
    await done(api.post(f"/v1/containers/{box}/start"))
    script = ("/bin/sh", "-c", "while ! test -e /go; do :; done; exit 7")
    (rootfs / "bin/test").symlink_to("busybox")
    further = (await done(api.post(f"/v1/containers/{box}/exec", json={"args": script}))).json["id"]
    await done(api.post(f"/v1/exec/{further}/start"))
    await output(api, box, 1)
    (rootfs / "go").touch()
    async with asyncio.timeout(30):
        while b"ended" not in (await api.get(f"/v1/containers/{box}/logs")).body:
            await asyncio.sleep(0.01)
    assert (await api.get(f"/v1/exec/{further}")).json["exit"] is None
    await done(api.post(f"/v1/containers/{box}/stop?timeout=0"))
    assert (await done(api.post(f"/v1/exec/{further}/wait"))).json["exit_code"] == 7
    await done(api.delete(f"/v1/containers/{box}"))
