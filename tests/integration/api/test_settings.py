"""`pycontainerd config check`, and SIGHUP to a real daemon."""

import asyncio
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.integration.daemon_process import Daemon


def check(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "containerd_py", "config", "check", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def test_right_settings_are_printed_and_nothing_is_started(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('log_level = "error"\nsocket = "/a/\\"b\\u007f"\n')
    told = check("--config", str(file), "--state-dir", str(tmp_path / "state"), PYCONTAINERD_DATA_DIR="/d")
    assert (told.returncode, told.stderr) == (0, "")
    found = tomllib.loads(told.stdout)
    assert (found["log_level"], found["socket"], found["data_dir"]) == ("error", '/a/"b\x7f', "/d")
    assert "# socket_group is not set\n" in told.stdout
    file.write_text(told.stdout)
    assert check("--config", str(file)).stdout == told.stdout
    assert os.listdir(tmp_path) == ["config.toml"]


def test_wrong_settings_are_told(tmp_path: Path) -> None:
    told = check("--config", str(tmp_path / "none.toml"))
    assert (told.returncode, told.stdout) == (1, "")
    assert "no such file" in told.stderr
    assert check("--colour", "red").returncode == 2


async def test_a_daemon_reads_its_settings_again_and_serves_on(daemon: Daemon, tmp_path: Path) -> None:
    daemon.expect_errors()
    daemon.stop()
    file = tmp_path / "config.toml"
    file.write_text("")
    daemon.start(PYCONTAINERD_CONFIG=str(file))
    await daemon.answering()
    for text, words in (
        ("", '"changed": "nothing"'),
        ("loud = 1", "cannot reload settings"),
        ('log_level = "warning"\ncgroup_parent = "x"', '"settings": "cgroup_parent"'),
        ('log_level = "info"', '"changed": "log_level"'),
    ):
        file.write_text(text)
        before = len(daemon.log)
        os.kill(daemon.pid, signal.SIGHUP)
        async with asyncio.timeout(30):
            while words not in daemon.log[before:]:
                await asyncio.sleep(0.01)
    async with daemon.api() as api:
        assert (await api.get("/v1/_ping")).status == 200
