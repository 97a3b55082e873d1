"""`pyrunc --systemd-cgroup` of an ordinary user: scopes of the own service manager, and from where they can be entered."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.manager import eventually, run, systemctl
from tests.systemd.runtime import Result

_UID = 1234
_RUNTIME = f"/run/user/{_UID}"
_SERVICE = f"user@{_UID}.service"
_PYRUNC = "/usr/bin/pyrunc"
_OWN = ("systemd-run", "--user", "--scope", "--quiet")
_HOME = f"XDG_RUNTIME_DIR={_RUNTIME}"


def as_user(*words: str, cwd: Path | None = None, variable: str = _HOME) -> Result:
    command = [
        "setpriv",
        f"--reuid={_UID}",
        f"--regid={_UID}",
        "--clear-groups",
        "env",
        "-i",
        "PATH=/usr/bin:/bin",
        variable,
    ]
    with Path("/scratch/told").open("w+b") as told:  # what goes on in the background would keep a pipe open
        done = subprocess.run([*command, *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=told, stderr=told, check=False)
        told.seek(0)
        return Result(done.returncode, told.read().decode())


@pytest.fixture(scope="module", autouse=True)
def manager() -> Iterator[None]:
    """A service manager of a user, without PAM, which has no logind to speak to here."""
    run("useradd", "--create-home", f"--uid={_UID}", "alice")
    Path(_RUNTIME).mkdir(mode=0o700, parents=True)
    run("chown", "alice:", _RUNTIME)
    folder = Path(f"/run/systemd/system/{_SERVICE}.d")
    folder.mkdir()
    (folder / "plain.conf").write_text(f"[Service]\nPAMName=\nEnvironment={_HOME}\n")
    systemctl("daemon-reload")
    systemctl("start", _SERVICE)
    yield
    systemctl("stop", _SERVICE)


@pytest.fixture
def box(root: Path) -> Iterator[Path]:
    """The folder of a bundle whose container "box" runs."""
    folder = Path("/scratch/alice")
    folder.mkdir()
    run("cp", "--archive", str(root), f"{folder}/rootfs")
    run("chown", "--recursive", "alice:", str(folder))
    as_user(_PYRUNC, "spec", "--rootless", cwd=folder).checked()
    config = folder / "config.json"
    document = json.loads(config.read_text())
    document["process"] |= {"terminal": False, "args": ["/bin/sleep", "1000"]}
    config.write_text(json.dumps(document))
    as_user(_PYRUNC, "--systemd-cgroup", "run", "--detach", "box", cwd=folder).checked()
    yield folder
    as_user(_PYRUNC, "delete", "--force", "box").checked()
    eventually(lambda: "box" not in as_user("systemctl", "--user", "list-units", "--all").output, "its unit is gone")
    run("rm", "-rf", str(folder))


def test_its_scope_is_the_user_s_also_if_asked_from_elsewhere(box: Path) -> None:
    state = json.loads(as_user(_PYRUNC, "state", "box").checked())
    place = f"/user.slice/user-{_UID}.slice/{_SERVICE}/user.slice/pycontainerd-box.scope"
    assert f"0::{place}" in Path(f"/proc/{state['pid']}/cgroup").read_text().splitlines()
    assert as_user("systemctl", "--user", "is-active", "pycontainerd-box.scope").checked() == "active\n"


def test_an_exec_from_a_process_of_the_own_manager(box: Path) -> None:
    done = as_user(*_OWN, _PYRUNC, "--systemd-cgroup", "exec", "box", "/bin/cat", "/proc/self/cgroup", cwd=box)
    assert "0::/" in done.checked().splitlines()


def test_an_exec_from_elsewhere_says_who_is_where_and_what_to_do(box: Path) -> None:
    done = as_user(_PYRUNC, "--systemd-cgroup", "exec", "box", "/bin/true", cwd=box)
    own = Path("/proc/self/cgroup").read_text().rpartition("0::")[2].strip()
    assert done.code == 255
    for part in (
        f"cannot execute in container 'box': the kernel lets nobody who is in cgroup '{own}'",
        "/user.slice/pycontainerd-box.scope', as user 1234",
        "systemd-run --user --scope",
    ):
        assert part in done.output, done.output


def test_no_manager_to_be_found(box: Path) -> None:
    done = as_user(_PYRUNC, "--root", str(box / "state"), "--systemd-cgroup", "run", "other", cwd=box, variable="A=b")
    assert done.code == 1
    assert "neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set; log in, or let the user linger" in done.output
    done = as_user(_PYRUNC, "--systemd-cgroup", "run", "other", cwd=box, variable="XDG_RUNTIME_DIR=/scratch/alice")
    assert done.code == 1
    assert "cannot reach systemd: /scratch/alice/systemd/private: No such file or directory" in done.output
    assert "XDG_RUNTIME_DIR" in done.output
