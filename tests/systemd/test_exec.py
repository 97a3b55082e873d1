"""Executing in a container where systemd has mounted cgroup v2: with nsdelegate, which nobody else's mount has."""

import json
import subprocess
from pathlib import Path

from containerd_py.client.sync import SyncClient
from containerd_py.wire import ExecSpec
from tests.systemd.manager import removed, run, started

_WHERE = "while read line; do echo $line; done </proc/self/cgroup"


def test_an_exec_is_in_the_container_cgroup(root: Path) -> None:
    container = started(root, "sleep 1000")
    with SyncClient() as client:
        execution = client.exec_create(container, ExecSpec(args=("/bin/sh", "-c", _WHERE))).id
        client.exec_start(execution)
        assert client.exec_wait(execution).exit_code == 0
        assert b"0::/\n" in b"".join(client.exec_logs(execution))  # the root of its cgroup namespace
    removed(container)


def test_one_of_pyrunc_too(root: Path, tmp_path: Path) -> None:
    run("/usr/bin/pyrunc", "spec", "--bundle", str(tmp_path))
    path = tmp_path / "config.json"
    document = json.loads(path.read_text())
    document["root"]["path"] = str(root)
    document["process"] |= {"args": ["/bin/sleep", "1000"], "terminal": False}
    path.write_text(json.dumps(document))
    subprocess.run(
        ["/usr/bin/pyrunc", "run", "--detach", "--bundle", str(tmp_path), "box"],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    assert "0::/" in run("/usr/bin/pyrunc", "exec", "box", "/bin/sh", "-c", _WHERE).splitlines()
    run("/usr/bin/pyrunc", "delete", "--force", "box")
