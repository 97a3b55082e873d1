"""What a real daemon tells of this host."""

import json

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


async def test_every_check_says_what_it_means(api: Api, daemon: Daemon) -> None:
    told = (await api.get("/v1/doctor")).json
    checks = {check["name"]: check for check in told["checks"]}
    assert told["status"] in ("ok", "warn"), json.dumps(told, indent=1)  # the other tests run containers here
    assert told["status"] == ("warn" if "warn" in {check["status"] for check in told["checks"]} else "ok")
    assert {"kernel", "cgroup_controllers", "idmapped_mounts", "seccomp", "data_dir"} <= set(checks)
    assert all(check["hint"] for check in told["checks"] if check["status"] != "ok")
    assert str(daemon.data_dir) in checks["data_dir"]["found"]
    assert checks["journal"]["status"] in ("ok", "warn")
    (await api.get("/v1/doctor?fix=1")).error(400, "invalid_argument")
