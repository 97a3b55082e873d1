"""A first process of ours, asked for at a terminal and by a bundle."""

import json
from pathlib import Path

from tests.integration.cli.test_pyctr import pyctr
from tests.integration.daemon_process import Daemon


async def test_run_with_init(daemon: Daemon, rootfs: Path) -> None:
    script = "echo $$; kill -TERM $$"
    ended = await pyctr(daemon, "run", "--rm", "--init", "--rootfs", str(rootfs), "/bin/sh", "-c", script)
    assert (ended.code, ended.out, ended.err) == (143, "2\n", "")


async def test_a_bundle_with_init(daemon: Daemon, rootfs: Path) -> None:
    document = {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/sh", "-c", "exit $$"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    }
    (rootfs.parent / "config.json").write_text(json.dumps(document))
    ended = await pyctr(daemon, "run", "--rm", "--init", "--bundle", str(rootfs.parent))
    assert ended.code == 2
    explained = await pyctr(daemon, "explain", "--init", "--bundle", str(rootfs.parent))
    assert "stay as the first process, and fork the payload" in explained.out
