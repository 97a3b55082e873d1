"""Containers that files declare, as an administrator has them: systemctl reload, LoadCredential=."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.client.sync import SyncClient
from containerd_py.wire import DeclaredFile
from tests.systemd.manager import SERVICE, eventually, journal, output, shown, systemctl, with_settings

_FOLDER = Path("/etc/pycontainerd/containers.d")


def of_file(name: str) -> DeclaredFile | None:
    with SyncClient() as client:
        return next((one for one in client.declared().files if one.file == name), None)


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    yield
    for path in _FOLDER.iterdir():
        path.unlink()
    systemctl("reload", SERVICE)
    eventually(lambda: of_file("box.toml") is None, "nothing is declared any more")


def test_reload_makes_changes_and_removes(root: Path) -> None:
    path = _FOLDER / "box.toml"
    path.write_text(f'rootfs = "{root}"\nargs = ["/bin/sleep", "1000"]\nstop_timeout_s = 0\n')
    systemctl("reload", SERVICE)
    first = eventually(lambda: (one := of_file("box.toml")) and one.status == "running" and one, "it runs")
    path.write_text("nonsense\n")
    systemctl("reload", SERVICE)
    wrong = eventually(lambda: (one := of_file("box.toml")) and one.problem is not None and one, "it is told")
    assert (wrong.container, wrong.status) == (first.container, "running")
    assert journal(f"_SYSTEMD_UNIT={SERVICE}", "--grep=declaration cannot be used")
    path.unlink()
    systemctl("reload", SERVICE)
    eventually(lambda: of_file("box.toml") is None, "it is gone with its file")
    assert shown("ActiveState") == "active"


def test_it_is_there_after_the_service_starts(root: Path) -> None:
    systemctl("stop", SERVICE)
    (_FOLDER / "box.toml").write_text(f'rootfs = "{root}"\nargs = ["/bin/sleep", "1000"]\nstop_timeout_s = 0\n')
    systemctl("start", SERVICE)
    eventually(lambda: (one := of_file("box.toml")) and one.status == "running", "it runs")


def test_a_credential_of_the_unit(root: Path) -> None:
    secret = Path("/scratch/secret")
    secret.write_text("from the unit")
    script = "cat $CREDENTIALS_DIRECTORY/token; echo; sleep 1000"
    with with_settings(f"LoadCredential=token:{secret}"):
        (_FOLDER / "box.toml").write_text(
            f'rootfs = "{root}"\nargs = ["/bin/sh", "-c", "{script}"]\nuser = "1000"\n'
            'credentials = ["token"]\nstop_timeout_s = 0\n'
        )
        systemctl("reload", SERVICE)
        one = eventually(lambda: (one := of_file("box.toml")) and one.status == "running" and one, "it runs")
        eventually(lambda: output(one.container) == b"from the unit\n", "it has read it")
