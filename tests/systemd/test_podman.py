"""podman, with systemd making the cgroups: it calls `pyrunc --systemd-cgroup` and gives it slices of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.users_of_runtime.podman import IMAGE, Box, Podman
from tests.integration.users_of_runtime.programs import OciRuntime, make_image, required
from tests.systemd.manager import eventually, shown
from tests.systemd.runtime import CGROUPS, units

_RUNTIME = OciRuntime("pyrunc", Path("/usr/bin/pyrunc"), Path("/run/pyrunc"))
_SLICE = "podman-test.slice"
_SCRIPT = "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done"


@pytest.fixture(scope="session")
def folder() -> Path:
    """On a tmpfs of its own, with the image in it."""
    required("podman", "conmon")
    made = Path("/scratch/podman")
    made.mkdir()
    podman = Podman(made, _RUNTIME, cgroups="systemd")
    podman.parent = _SLICE
    podman("import", make_image(made), IMAGE).ok()
    return made


@pytest.fixture
def podman(folder: Path) -> Iterator[Podman]:
    """Nothing is left but the slice, which is podman's."""
    made = Podman(folder, _RUNTIME, cgroups="systemd")
    made.parent = _SLICE
    yield made
    made.remove_all()
    eventually(lambda: not units("libpod-*.scope"), "the scopes are gone")
    eventually(lambda: not made.runtime.left(), "the runtime's state is empty")


def scope(box: Box) -> str:
    return f"libpod-{box.id}.scope"


def begun(podman: Podman) -> Box:
    """Without podman's limit of tasks: this guest has no controller for it."""
    return podman.box(_SCRIPT, "--pids-limit=-1")


def test_a_container_of_podman_is_a_scope_in_its_slice(podman: Podman) -> None:
    box = begun(podman)
    assert shown("ActiveState", scope(box)) == "active"
    assert shown("Slice", scope(box)) == _SLICE
    cgroup = Path(f"/proc/{box.state()['Pid']}/cgroup").read_text()
    assert f"/podman.slice/{_SLICE}/{scope(box)}" in cgroup
    assert "0::/\n" in box.exec("cat", "/proc/self/cgroup").ok().stdout
    box.says("up")
    box("stop", "--time", "10").ok()
    assert box.state()["ExitCode"] == 3
    eventually(lambda: scope(box) not in units(scope(box)), "the scope is gone")


def test_podman_pauses_a_scope(podman: Podman) -> None:
    box = begun(podman)
    box("pause").ok()
    frozen = next(CGROUPS.rglob(f"{scope(box)}/cgroup.events")).read_text()
    assert "frozen 1" in frozen
    assert box.state()["Status"] == "paused"
    box("unpause").ok()
    box.exec("true").ok()


def test_podman_has_what_is_started_again_in_a_scope(podman: Podman) -> None:
    box = begun(podman)
    box("restart", "--time", "0").ok()
    assert shown("ActiveState", scope(box)) == "active"
    box("kill", "--signal", "KILL").ok()
    assert box("wait").ok().stdout == "137\n"


def test_a_privileged_container_is_in_its_scope(podman: Podman) -> None:
    """systemd has nothing to do for its devices, and has no cgroup of v1 for them."""
    box = podman.box(_SCRIPT, "--pids-limit=-1", "--privileged")
    assert shown("DevicePolicy", scope(box)) == "auto"
    assert box.exec("cat", "/proc/self/cgroup").ok().stdout
    box("stop", "--time", "10").ok()
    assert box.state()["ExitCode"] == 3


def test_podman_tells_of_what_runs_in_a_scope(podman: Podman) -> None:
    box = begun(podman)
    box.says("up")
    assert "root" in box("top").ok().stdout
    assert box.exec("id", "-u", options=("--user", "user")).ok().stdout == "1000\n"
    assert box("healthcheck run").code == 125, "it has no check"
