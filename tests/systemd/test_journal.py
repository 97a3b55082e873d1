"""The daemon's own entries, as the journal has them."""

import os
import signal
from pathlib import Path

from containerd_py.client.sync import SyncClient
from containerd_py.wire import ContainerSpec
from tests.systemd.manager import SERVICE, eventually, journal, main_pid, removed, systemctl


def test_native_fields(root: Path) -> None:
    with SyncClient() as client:
        container = client.create(ContainerSpec(rootfs=str(root), args=("/bin/true",))).id
        client.start(container)
    (made,) = journal(f"CONTAINER_ID={container}", "OPERATION=create_container")
    assert made["_SYSTEMD_UNIT"] == SERVICE
    assert (made["PRIORITY"], made["SYSLOG_IDENTIFIER"]) == ("6", "pycontainerd")
    assert made["CODE_FILE"].endswith("containerd_py/api/audit.py")
    assert int(made["CODE_LINE"]) > 0
    assert made["CODE_FUNC"]
    assert made["PYCONTAINERD_OUTCOME"] == "done"
    assert made["MESSAGE"].startswith("level=info event=audit")
    assert [one["OPERATION"] for one in journal(f"CONTAINER_ID={container}", "OPERATION=start_container")]
    removed(container)


def test_an_error_has_its_priority(root: Path) -> None:
    with SyncClient() as client:
        spawner = client.info().spawner_pid or 0
    os.kill(spawner, signal.SIGKILL)

    def told() -> bool:
        entries = journal(f"_PID={main_pid()}", "PRIORITY=3")
        return any("spawner ended" in entry["MESSAGE"] for entry in entries)

    eventually(told, "an entry that tells of the end")
    with SyncClient() as client:
        eventually(lambda: client.info().spawner_pid not in (None, spawner), "another one, which later tests need")


def test_a_reload_of_the_settings_is_told() -> None:
    systemctl("reload", SERVICE)
    assert journal(f"_PID={main_pid()}", "--grep=settings reloaded")
