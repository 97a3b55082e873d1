"""Roots that need the daemon's help: user namespaces, idmapped mounts, cgroups."""

import os
from pathlib import Path
from typing import Any

from tests.integration.api_client import Api
from tests.integration.runtime.boxes import IN_USER_NAMESPACE
from tests.integration.runtime.workshop import DEV, PROC, document


async def test_a_user_namespace_with_idmapped_files_and_cgroups(api: Api, rootfs: Path, tmp_path: Path) -> None:
    rootfs.chmod(0o777)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("told\n")
    (tmp_path / "data/file").chmod(0o600)
    os.chown(tmp_path / "data/file", 7, 7)
    mounts: list[dict[str, Any]] = [
        *(PROC, DEV),
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]},
        {"destination": "/data", "type": "bind", "source": str(tmp_path / "data"), "options": ["idmap", "ro"]},
        {"destination": "/plain", "type": "bind", "source": str(tmp_path / "data")},
        {"destination": "/again", "type": "bind", "source": str(rootfs / "plain"), "options": ["idmap"]},
    ]
    owners = "busybox stat -c %u /data/file /plain/file /again/file"
    script = f"{owners}; cat /data/file; busybox grep -c ' - cgroup' /proc/self/mountinfo"
    oci = document({**IN_USER_NAMESPACE, "mounts": mounts, "process.args": ["/bin/sh", "-c", script]})
    oci["root"] = {"path": str(rootfs)}
    oci["process"]["cwd"] = "/"
    created = await api.post("/v1/containers", json={"oci": oci})
    assert created.status == 201, created.body
    container = created.json["id"]
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    *seen, told, hierarchies = (await api.get(f"/v1/containers/{container}/logs")).body.decode().splitlines()
    assert (seen, told, int(hierarchies) > 0) == (["7", "65534", "7"], "told", True)
    steps = [step["step"] for step in (await api.get(f"/v1/containers/{container}/timeline")).json["steps"]]
    assert "mount" in steps
    assert (await api.delete(f"/v1/containers/{container}")).status == 204
