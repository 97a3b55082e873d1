"""R21: of many containers that a daemon has at once, each has what was asked for it, and nothing of another's."""

import re
from pathlib import Path

from tests.integration.api_client import Api
from tests.security.conftest import Often
from tests.security.daemon.many import done, each, execute
from tests.security.test_leakage import secret

SHOW = "env; hostname; umask; id -u; ulimit -n; cat /own/secret /proc/sys/kernel/msgmax; exec sleep 1000"


async def test_many_at_once_have_nothing_of_each_other(api: Api, rootfs: Path, tmp_path: Path, often: Often) -> None:
    (rootfs / "bin/env").symlink_to("busybox")
    numbers = range(often(30, 500))

    async def make(number: int) -> None:
        own = tmp_path / f"own{number}"
        own.mkdir()
        (own / "secret").write_text(secret(number) + "\n")
        container = await api.create(
            rootfs,
            *("/bin/sh", "-c", SHOW),
            id=f"box{number}",
            env={"SECRET": secret(number), "PATH": "/bin"},
            labels={"secret": secret(number)},
            hostname=f"h{number:05}",
            user=f"{1000 + number}:{1000 + number}",
            ulimits={"nofile": {"soft": 100 + number % 400, "hard": 1000}},
            sysctls={"kernel.msgmax": str(8192 + number)},
            mounts=[{"source": str(own), "target": "/own", "options": ["ro"]}],
        )
        await done(api.post(f"/v1/containers/{container}/start"))

    async def hold(number: int) -> None:
        container = f"box{number}"
        _code, further = await execute(api, container, "/bin/sh", "-c", "env; hostname; cat /own/secret")
        told = (await api.get(f"/v1/containers/{container}/logs")).body.decode()
        shown = (await api.get(f"/v1/containers/{container}")).body.decode()
        for text in (told, further.decode(), shown):
            assert set(re.findall(r"unique-\d+-of-one", text)) == {secret(number)}, container
        lines = told.splitlines()
        for line in (f"h{number:05}", str(1000 + number), str(100 + number % 400), str(8192 + number)):
            assert line in lines, container
        await done(api.delete(f"/v1/containers/{container}?force=true"))

    await each(numbers, make)
    assert len((await api.get("/v1/containers")).json["containers"]) == len(numbers)
    await each(numbers, hold)
