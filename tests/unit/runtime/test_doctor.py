"""Each check, on hosts that are made of files; and all of them on this one."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.light.dataclasses import replace
from containerd_py.runtime import doctor
from containerd_py.runtime.cgroups.layout import Layout
from containerd_py.runtime.cgroups.layout import probe as probe_layout
from containerd_py.runtime.doctor import CHECKS, Finding, Host, State
from tests.unit.store.small_disk import fill, needs_root, small_disk

UNIFIED = Layout("/sys/fs/cgroup", ("cpu", "cpuset", "io", "memory", "pids"), {}, {"/sys/fs/cgroup": "/sys/fs/cgroup/own"})
HEALTHY = {
    "proc/self/ns/user": "",
    "proc/sys/vm/memfd_noexec": "0",
    "proc/sys/user/max_user_namespaces": "15000",
    "proc/sys/kernel/seccomp/actions_avail": "kill_process errno user_notif allow",
    "proc/sys/kernel/pid_max": "4194304",
    "proc/sys/kernel/threads-max": "100000",
    "run/systemd/system/x": "",
    "bin/newuidmap": "",
    "bin/newgidmap": "",
}


def healthy(root: Path, changes: dict[str, str | None] | None = None) -> Host:
    """changes: files that are different, None for one that is not there."""
    for path, text in (HEALTHY | (changes or {})).items():
        if text is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"{text}\n")
            (root / path).chmod(0o755)
    return Host("6.18.1", UNIFIED, str(root), str(root), f"{root}/bin", f"{root}/")


@pytest.mark.parametrize("name", sorted(set(CHECKS) - {"state_dir", "data_dir", "descriptors", "idmapped_mounts"}))
def test_a_healthy_host(tmp_path: Path, name: str) -> None:
    found = CHECKS[name](healthy(tmp_path))
    assert (found.state, found.hint) == (State.OK, None)


@pytest.mark.parametrize(
    ("name", "changes", "state", "words"),
    [
        ("memfd", {"proc/sys/vm/memfd_noexec": "2"}, State.WARN, "vm.memfd_noexec is 2"),
        ("memfd", {"proc/sys/vm/memfd_noexec": None}, State.OK, "not there"),
        ("systemd", {"run/systemd/system/x": None}, State.WARN, "not running"),
        ("user_namespaces", {"proc/sys/user/max_user_namespaces": "0"}, State.WARN, "none"),
        ("user_namespaces", {"proc/self/ns/user": None}, State.WARN, "none"),
        (
            "user_namespaces",
            {"proc/sys/kernel/unprivileged_userns_clone": "0"},
            State.WARN,
            "unprivileged_userns_clone is 0",
        ),
        ("user_namespaces", {"proc/sys/kernel/unprivileged_userns_clone": "1"}, State.OK, "15000"),
        ("user_namespaces", {"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, State.WARN, "apparmor"),
        ("id_mapping_programs", {"bin/newgidmap": None}, State.WARN, "no newgidmap"),
        ("seccomp", {"proc/sys/kernel/seccomp/actions_avail": None}, State.FAIL, "none"),
        ("seccomp", {"proc/sys/kernel/seccomp/actions_avail": "errno allow"}, State.WARN, "errno allow"),
        ("landlock", {}, State.OK, "version"),
        ("mandatory_access_control", {"sys/module/apparmor/parameters/enabled": "Y"}, State.OK, "AppArmor"),
        ("mandatory_access_control", {"sys/module/apparmor/parameters/enabled": "N"}, State.OK, "neither"),
        ("mandatory_access_control", {"sys/fs/selinux/enforce": "1"}, State.OK, "SELinux"),
        ("processes", {"proc/sys/kernel/pid_max": "1000"}, State.WARN, "1000 by kernel.pid_max"),
        ("processes", {"sys/fs/cgroup/own/pids.max": "100"}, State.WARN, "100 by /sys/fs/cgroup/own/pids.max"),
        ("processes", {"sys/fs/cgroup/own/pids.max": "max"}, State.OK, "100000 by kernel.threads-max"),
        ("processes", {"proc/sys/kernel/pid_max": None, "proc/sys/kernel/threads-max": None}, State.OK, "no limit"),
    ],
)
def test_a_host_with_a_flaw(tmp_path: Path, name: str, changes: dict[str, str | None], state: State, words: str) -> None:
    found = CHECKS[name](healthy(tmp_path, changes))
    assert (found.state, words in found.found) == (state, True), found
    assert (found.hint is None) == (state is State.OK)


@pytest.mark.parametrize(
    ("release", "state"),
    [("5.13.9", State.FAIL), ("5.14.0", State.WARN), ("6.14.2", State.WARN), ("6.15.0", State.OK), ("x", State.FAIL)],
)
def test_kernels(tmp_path: Path, release: str, state: State) -> None:
    assert CHECKS["kernel"](replace(healthy(tmp_path), release=release)).state is state


V1 = {name: f"/sys/fs/cgroup/{name}" for name in ("cpu", "cpuset", "blkio", "memory", "pids")}


@pytest.mark.parametrize(
    ("layout", "states", "words"),
    [
        (Layout(None, (), {}), (State.FAIL, State.WARN), "cpu, cpuset, io, memory, pids"),
        (Layout(None, (), V1), (State.WARN, State.OK), "blkio"),
        (Layout("/c", (), V1), (State.OK, State.OK), "blkio"),
        (Layout("/c", ("cpu", "cpuset", "io", "pids"), {}), (State.OK, State.WARN), "without memory"),
    ],
)
def test_cgroups(tmp_path: Path, layout: Layout, states: tuple[State, State], words: str) -> None:
    host = replace(healthy(tmp_path), cgroups=layout)
    found = [CHECKS[name](host) for name in ("cgroup_layout", "cgroup_controllers")]
    assert tuple(one.state for one in found) == states
    assert words in found[1].found


def test_a_check_that_cannot_look_says_so_and_the_others_go_on(tmp_path: Path) -> None:
    host = replace(healthy(tmp_path), state_dir=str(tmp_path / "gone"))
    found = doctor.examine(host)
    assert list(found) == list(CHECKS)
    assert (found["state_dir"].state, found["state_dir"].found) == (State.WARN, "unknown")
    assert "No such file" in found["state_dir"].meaning
    assert found["kernel"].state is State.OK


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
def test_few_descriptors(tmp_path: Path) -> None:
    found = CHECKS["descriptors"](healthy(tmp_path))
    assert (found.state, found.found) == (State.WARN, "1024 for the daemon")
    assert "about 64 containers" in found.meaning


@needs_root
def test_a_small_disk(tmp_path: Path) -> None:
    with small_disk(size="8m") as disk:
        assert CHECKS["state_dir"](replace(healthy(tmp_path), state_dir=disk)).state is State.WARN
        fill(disk)
        assert CHECKS["state_dir"](replace(healthy(tmp_path), state_dir=disk)).state is State.FAIL
        assert CHECKS["data_dir"](replace(healthy(tmp_path), data_dir=disk)).state is State.WARN
    with small_disk(size="100m", inodes=50) as disk:
        found = CHECKS["state_dir"](replace(healthy(tmp_path), state_dir=disk))
        assert (found.state, "inodes" in found.found) == (State.WARN, True)


def test_this_host(tmp_path: Path) -> None:
    host = Host(os.uname().release, probe_layout(), str(tmp_path), str(tmp_path), os.environ["PATH"])
    found = doctor.examine(host)
    assert [name for name, one in found.items() if one.state is State.FAIL] == []
    assert all(isinstance(one, Finding) and one.found and one.meaning for one in found.values())
