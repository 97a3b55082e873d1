"""R21: of many containers that a daemon has at once, each has what was asked for it, and nothing of another's."""

import json
import re
from pathlib import Path
from typing import Any

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
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


PLAIN = {"args": ["/bin/true"]}
"""By which templates would be seen that another container has changed."""
LISTS = ("namespaces", "capabilities", "mounts", "devices", "maskedPaths", "readonlyPaths", "seccomp", "rlimits")


async def of_plain(daemon: Daemon, api: Api, rootfs: Path) -> tuple[Any, Any]:
    """Return the document that is made of a plain request, and the plan that is made of that."""
    container = await api.create(rootfs, "/bin/true", id="plain")
    document = json.loads((daemon.state_dir / "containers" / container / "config.json").read_text())
    await done(api.delete(f"/v1/containers/{container}"))
    return document, (await done(api.post("/v1/explain", json={**PLAIN, "id": "plain", "rootfs": str(rootfs)}))).json


async def test_a_plain_container_is_the_same_after_any_other(
    daemon: Daemon, api: Api, rootfs: Path, tmp_path: Path
) -> None:
    before = await of_plain(daemon, api, rootfs)
    told = json.dumps(before[0])
    assert all(name in told for name in LISTS)
    others: list[dict[str, Any]] = [
        {"privileged": True},
        {"cap_add": ["ALL"], "env": {"OTHER": "1"}, "labels": {"a": "b"}, "annotations": {"a": "b"}},
        {"cap_drop": ["ALL"], "cap_add": ["SYS_PTRACE"], "no_new_privileges": False, "seccomp": "unconfined"},
        {"mounts": [{"source": str(tmp_path), "target": "/own"}, {"type": "tmpfs", "target": "/dev/shm"}]},
        {"devices": [{"path": "/dev/fuse"}], "system_paths": "unconfined", "sysctls": {"kernel.msgmax": "8193"}},
        {"ulimits": {"nofile": {"soft": 9, "hard": 9}}, "hostname": "other", "user": "7:7", "additional_groups": ["8"]},
        {"pid": "host", "ipc": "host", "uts": "host", "network": "host", "cgroup": "host"},
        {"shm_size_bytes": 1 << 20},
        {"resources": {"memory_bytes": 64 << 20, "pids": 9}, "oom_score_adj": 7, "read_only": True, "terminal": True},
    ]
    for other in others:
        container = await api.create(rootfs, "/bin/true", **other)
        await done(api.delete(f"/v1/containers/{container}"))
    assert await of_plain(daemon, api, rootfs) == before
