"""The library door with a real kernel: what a container may, how it ends, that nothing is left. Needs root and busybox."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Conflict, ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime import WaitStatus
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.spec.seccomp_profile import default_profile
from tests.integration.runtime.workshop import DEV, DEVPTS, PLACE, PROC, Workshop

MUCH = {name: ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT"] for name in ("bounding", "effective", "permitted")}
NOTHING: dict[str, list[str]] = {name: [] for name in ("bounding", "effective", "permitted", "inheritable", "ambient")}


# ── how containers end ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_exit_codes(shop: Workshop, code: int) -> None:
    assert shop.run(f"exit {code}")[0] == WaitStatus(code, None)


def test_a_killed_payload(shop: Workshop) -> None:
    container = shop.create({"process.args": ["sleep", "60"]})
    container.start()
    container.kill()
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    assert container.wait() == WaitStatus(None, signal.SIGKILL)
    with pytest.raises(Conflict, match="cannot kill container 'box': it has ended"):
        container.kill()


def test_signals_have_their_default_actions(shop: Workshop) -> None:
    container = shop.create({"process.args": ["sleep", "60"], "linux.namespaces": [{"type": "mount"}]})
    container.start()
    container.kill(signal.SIGTERM)
    assert container.wait() == WaitStatus(None, signal.SIGTERM)


def test_signals_can_be_handled(shop: Workshop, rootfs: Path) -> None:
    os.mkfifo(rootfs / "ready")
    script = "trap 'exit 9' TERM; echo up >/ready; sleep 60 & wait"
    container = shop.create({"process.args": ["sh", "-c", script]})
    container.start()
    assert (rootfs / "ready").read_text() == "up\n"
    container.kill(signal.SIGTERM)
    assert container.wait() == WaitStatus(9, None)


def test_an_end_is_seen_without_waiting(shop: Workshop) -> None:
    container = shop.create({})
    pid = container.pid
    container.start()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(Conflict, match="it has ended"):
        container.kill()
    assert container.wait() == WaitStatus(0, None)


def test_destroying_ends_what_outlived_the_payload(shop: Workshop) -> None:
    """Without a pid namespace the kernel ends nobody with it."""
    script = "sleep 60 & sleep 60 & exit 3"
    container = shop.create({"process.args": ["sh", "-c", script], "linux.namespaces": [{"type": "mount"}]})
    container.start()
    assert container.wait() == WaitStatus(3, None)
    members = (Path(container.state().cgroups[0]) / "cgroup.procs").read_text().split()
    assert len(members) == 2
    container.destroy(force=True)
    assert not [pid for pid in members if os.path.exists(f"/proc/{pid}/root/bin/busybox")]


def test_the_states_of_a_life(shop: Workshop) -> None:
    container = shop.create({"annotations": {"a": "b"}, "process.args": ["sleep", "60"]})
    path = shop.bundle / "state/box/state.json"
    created = container.state()
    assert (created.status, created.annotations, created.bundle) == ("created", {"a": "b"}, str(shop.bundle))
    assert created.pid > 0
    assert path.read_bytes() == created.encode()
    container.start()
    assert container.state().status == "running"
    with pytest.raises(Conflict, match="cannot start container 'box': it is running"):
        container.start()
    container.kill()
    container.wait()
    assert (container.state().status, container.state().pid) == ("stopped", 0)
    assert path.read_bytes() == container.state().encode()
    container.destroy()
    container.destroy()
    assert container.state().status == "destroyed"
    assert container.wait() == WaitStatus(None, signal.SIGKILL)


@pytest.mark.parametrize("started", [False, True])
def test_leaving_the_context_destroys(shop: Workshop, *, started: bool) -> None:
    with shop.create({"process.args": ["sleep", "60"]}) as container:
        if started:
            container.start()
    assert container.state().status == "destroyed"


def test_a_worker_that_was_killed_is_told(shop: Workshop) -> None:
    container = shop.create({})
    pid = container.pid
    container.kill()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(Conflict, match="cannot start container 'box': it is stopped"):
        container.start()


# ── what a container sees ────────────────────────────────────────────────────────────────────────────────────────────


def test_its_own_names_and_numbers(shop: Workshop) -> None:
    status, output = shop.run("hostname; echo $$", {"hostname": "demo"})
    assert (status.code, output.splitlines()) == (0, ["demo", "1"])
    assert os.uname().nodename != "demo"


def test_the_user_is_taken_by_number(shop: Workshop) -> None:
    user = {"uid": 1234, "gid": 2345, "additionalGids": [7, 8], "umask": 0o77}
    status, output = shop.run("id -u; id -g; id -G; umask", {"process.user": user})
    assert (status.code, output.splitlines()) == (0, ["1234", "2345", "2345 7 8", "0077"])


@pytest.mark.parametrize(
    ("uid", "sets", "expected"),
    [
        (0, NOTHING, {"CapEff": 0, "CapPrm": 0, "CapBnd": 0, "CapInh": 0, "CapAmb": 0}),
        (
            0,
            {name: ["CAP_KILL"] for name in NOTHING},
            {"CapEff": 32, "CapPrm": 32, "CapBnd": 32, "CapInh": 32, "CapAmb": 32},
        ),
        (1000, {name: ["CAP_KILL"] for name in NOTHING}, {"CapEff": 32, "CapBnd": 32, "CapAmb": 32}),
        (1000, {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"]}, {"CapEff": 0, "CapPrm": 0, "CapBnd": 32}),
    ],
)
def test_capabilities(shop: Workshop, uid: int, sets: dict[str, list[str]], expected: dict[str, int]) -> None:
    changes = {"process.user": {"uid": uid}, "process.capabilities": sets}
    _status, output = shop.run("cat /proc/self/status", changes)
    found = dict(line.split(":\t", 1) for line in output.splitlines() if ":\t" in line)
    assert {name: int(found[name], 16) for name in expected} == expected


def test_the_environment_and_the_working_directory(shop: Workshop) -> None:
    status, output = shop.run("echo $COLOUR; pwd", {"process.env": ["PATH=/bin", "COLOUR=red"], "process.cwd": "/var/app"})
    assert (status.code, output.splitlines()) == (0, ["red", "/var/app"])


@pytest.mark.parametrize(
    ("passwd", "env", "home"),
    [
        ("root:x:0:0::/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n", [], "/var/www"),
        ("web:x:33:33::/var/www:/bin/sh\n", ["HOME=/given"], "/given"),
        ("root:x:0:0::/root:/bin/sh\nbroken\n", [], "/"),
        (None, [], "/"),
    ],
)
def test_a_home_that_nobody_has_set(shop: Workshop, rootfs: Path, passwd: str | None, env: list[str], home: str) -> None:
    if passwd is not None:
        (rootfs / "etc").mkdir()
        (rootfs / "etc/passwd").write_text(passwd)
    _status, output = shop.run("echo $HOME", {"process.user": {"uid": 33, "gid": 33}, "process.env": ["PATH=/bin", *env]})
    assert output == f"{home}\n"


def test_a_password_file_that_is_none_is_not_read(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "etc").mkdir()
    os.mkfifo(rootfs / "etc/passwd")
    assert shop.run("echo $HOME")[1] == "/\n"


def test_the_network_is_its_own(shop: Workshop) -> None:
    _status, output = shop.run("cat /proc/net/dev")
    assert [line.split(":")[0].strip() for line in output.splitlines()[2:]] == ["lo"]


def test_a_bind_mount(shop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("from the host\n")
    mount = {"destination": "/srv/data", "source": str(tmp_path / "data"), "type": "bind", "options": ["ro"]}
    status, output = shop.run("cat /srv/data/file; echo x >/srv/data/other", {"mounts": [PROC, DEV, mount]})
    assert status.code == 1
    assert output.startswith("from the host\n")
    assert "Read-only file system" in output
    assert not (tmp_path / "data/other").exists()


# ── what a container may not ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_read_only_root(shop: Workshop, rootfs: Path) -> None:
    tmpfs = {"destination": "/scratch", "type": "tmpfs"}
    script = "echo x >/scratch/file && echo scratch; echo x >/file"
    status, output = shop.run(script, {"root.readonly": True, "mounts": [PROC, DEV, tmpfs]})
    assert status.code == 1
    assert output.startswith("scratch\n")
    assert "/file: Read-only file system" in output
    assert not (rootfs / "file").exists()


def test_masked_and_read_only_paths(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "secret").write_text("secret")
    changes = {"linux.maskedPaths": ["/secret", "/proc/timer_list", "/absent"], "linux.readonlyPaths": ["/proc/sys"]}
    script = "cat /secret /proc/timer_list && echo empty; echo x >/proc/sys/kernel/domainname"
    status, output = shop.run(script, changes)
    assert status.code == 1
    assert output.startswith("empty\n")
    assert "Read-only file system" in output


def test_more_processes_than_allowed(shop: Workshop) -> None:
    script = "for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; echo all"
    status, output = shop.run(script, {"linux.resources": {"pids": {"limit": 4}}})
    assert status.code == 2
    assert "can't fork: Resource temporarily unavailable" in output
    assert "all" not in output


def test_a_limit_is_in_force_from_the_start(shop: Workshop) -> None:
    container = shop.create({"linux.resources": {"pids": {"limit": 4}}})
    places = [Path(path) / "pids.max" for path in container.state().cgroups]
    assert [place.read_text() for place in places if place.exists()] == ["4\n"]
    members = [(Path(path) / "cgroup.procs").read_text().split() for path in container.state().cgroups]
    assert members == [[str(container.state().pid)]] * len(members)


def test_devices_that_are_not_allowed(shop: Workshop) -> None:
    changes = {
        "linux.resources": {"devices": [{"allow": False}]},
        "linux.devices": [{"type": "c", "path": "/dev/kmsg", "major": 1, "minor": 11}],
    }
    status, output = shop.run("echo x >/dev/null && echo null; : </dev/kmsg", changes)
    assert status.code == 1
    assert output.startswith("null\n")
    assert "Operation not permitted" in output


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("busybox unshare -m true", "Operation not permitted"),
        ("mount -t tmpfs none /scratch", "permission denied"),
        ("busybox chroot / hostname other", "sethostname: Operation not permitted"),
    ],
)
def test_the_default_seccomp_profile_refuses_what_capabilities_would_allow(
    shop: Workshop, rootfs: Path, script: str, told: str
) -> None:
    (rootfs / "scratch").mkdir()
    profile = default_profile().document()
    with_filter = {"process.capabilities": MUCH, "process.noNewPrivileges": True, "linux.seccomp": profile}
    status, output = shop.run(script, with_filter)
    assert status.code not in (0, None)
    assert told in output


@pytest.mark.parametrize("bounded", [False, True])
def test_a_filter_without_no_new_privileges(shop: Workshop, *, bounded: bool) -> None:
    """It is loaded while the worker still has CAP_SYS_ADMIN, and all that follows must get past it."""
    profile = default_profile().document()
    changes = {"process.capabilities": NOTHING if bounded else MUCH, "linux.seccomp": profile}
    script = "busybox unshare -m true || echo refused; grep -E 'NoNewPrivs|Seccomp:' /proc/self/status"
    status, output = shop.run(script, changes)
    assert status.code == 0
    assert output.splitlines()[:3] == ["refused", "NoNewPrivs:\t0", "Seccomp:\t2"]


def test_without_a_profile_the_same_is_allowed(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "scratch").mkdir()
    changes = {"process.capabilities": MUCH}
    script = "busybox unshare -m true && mount -t tmpfs none /scratch && busybox chroot / hostname other && hostname"
    assert shop.run(script, changes) == (WaitStatus(0, None), "other\n")


KILLING = {"defaultAction": "SCMP_ACT_KILL", "syscalls": [{"names": ["read", "brk"], "action": "SCMP_ACT_ALLOW"}]}
KILLED = r"cannot execute /bin/true: the seccomp filter \(linux.seccomp\) killed the process"


def test_a_filter_that_kills_the_worker_where_it_is_loaded_before_the_user_is_changed(shop: Workshop) -> None:
    with pytest.raises(InvalidArgument, match=KILLED) as caught:
        shop.create({"linux.seccomp": KILLING})
    assert (caught.value.step, "execve" in str(caught.value.hint)) == ("seccomp", True)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_filter_that_kills_the_worker_at_start(shop: Workshop, *, loaded: bool) -> None:
    made = shop.create({"linux.seccomp": KILLING, "process.noNewPrivileges": True})
    with pytest.raises(InvalidArgument, match=KILLED) as caught:
        (shop.load() if loaded else made).start()
    assert caught.value.step == "seccomp"
    assert made.state().status == "stopped"
    assert made.wait() == WaitStatus(None, signal.SIGSYS)


def test_a_worker_that_is_killed_before_its_program_is_executed(shop: Workshop, rootfs: Path) -> None:
    """A start that was heard ended with the program's execution, or with an error."""
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "kill -9 $PPID"]}
    container = shop.create({"hooks": {"startContainer": [hook]}, "linux.namespaces": [{"type": "mount"}]})
    with pytest.raises(Conflict, match="its init worker was ended by SIGKILL") as caught:
        container.start()
    assert caught.value.step == "init"
    assert container.wait() == WaitStatus(None, signal.SIGKILL)


# ── what cannot be made ──────────────────────────────────────────────────────────────────────────────────────────────


def refused(shop: Workshop, changes: dict[str, Any]) -> ContainerdError:
    with pytest.raises(ContainerdError) as caught:
        shop.create(changes)
    assert not (shop.bundle / "state").exists()
    return caught.value


@pytest.mark.parametrize(
    ("name", "number"), [("missing", "ENOENT"), ("file", "ENOTDIR"), ("symlink", "ELOOP"), ("symlink/bin", "ELOOP")]
)
def test_a_root_that_is_no_directory(shop: Workshop, name: str, number: str) -> None:
    (shop.bundle / "file").touch()
    (shop.bundle / "symlink").symlink_to("rootfs")
    problem = refused(shop, {"root.path": name})
    assert (problem.kind, problem.step, problem.errno) == ("invalid_argument", "rootfs", number)
    assert str(shop.bundle / name) in problem.message


def test_a_mount_whose_source_is_missing(shop: Workshop) -> None:
    mount = {"destination": "/data", "source": "/nowhere/at/all", "type": "bind"}
    problem = refused(shop, {"mounts": [mount]})
    assert (problem.kind, problem.step, problem.errno) == ("invalid_argument", "mount", "ENOENT")
    assert "/nowhere/at/all" in problem.message


@pytest.mark.parametrize(
    ("program", "number"), [("/bin/nope", "ENOENT"), ("nope", "ENOENT"), ("/bin", "EISDIR"), ("/plain", "EACCES")]
)
def test_a_program_that_cannot_run(shop: Workshop, rootfs: Path, program: str, number: str) -> None:
    (rootfs / "plain").write_text("text")
    problem = refused(shop, {"process.args": [program]})
    assert (problem.kind, problem.step, problem.errno) == ("invalid_argument", "exec", number)
    assert program in problem.message
    assert problem.hint


def test_a_program_that_is_none_is_told_at_start(shop: Workshop, rootfs: Path) -> None:
    (rootfs / "bin/garbage").write_bytes(b"\0\1")
    (rootfs / "bin/garbage").chmod(0o755)
    container = shop.create({"process.args": ["garbage"]})
    with pytest.raises(InvalidArgument) as caught:
        container.start()
    assert (caught.value.step, caught.value.errno) == ("exec", "ENOEXEC")


def test_a_controller_that_the_host_lacks(shop: Workshop) -> None:
    problem = refused(shop, {"linux.resources": {"rdma": {"mlx5_1": {"hcaHandles": 1}}}})
    assert isinstance(problem, NotSupported)
    assert problem.message.startswith("cannot limit rdma: this host has no cgroup controller")
    assert problem.message.endswith("as linux.resources.rdma needs")


def test_a_terminal_without_devpts(shop: Workshop) -> None:
    problem = refused(shop, {"process.terminal": True})
    assert (problem.kind, problem.step, problem.errno) == ("invalid_argument", "console", "ENODEV")


def test_an_id_is_taken_once(shop: Workshop) -> None:
    first = shop.create({"process.args": ["sleep", "60"]})
    with pytest.raises(Conflict, match="cannot create container 'box': the id is taken"):
        shop.create({})
    first.start()
    first.kill()
    assert first.wait() == WaitStatus(None, signal.SIGKILL)


def test_a_cgroup_belongs_to_one_container(shop: Workshop) -> None:
    """What lives there must not be joined, nor ended."""
    place = {"linux.cgroupsPath": f"{PLACE}/box"}
    first = shop.create({"process.args": ["sh", "-c", "exit 5"], **place})
    with pytest.raises(Conflict, match=f"cannot make cgroup '{PLACE}/box': container's cgroup is not empty"):
        shop.create(place, state="state2")
    first.start()
    assert first.wait() == WaitStatus(5, None)


# ── terminals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_terminal_of_the_host_is_never_handed_on(shop: Workshop) -> None:
    """SECURITY R7: with its other end the payload would type at the host."""
    master, slave = map(Fd, os.openpty())
    before = os.dup(0)
    os.dup2(slave.fileno(), 0)
    try:
        problem = refused(shop, {})
    finally:
        os.dup2(before, 0)
        os.close(before)
        master.close()
        slave.close()
    assert (problem.kind, problem.step) == ("invalid_argument", "stdio")
    assert problem.message == "cannot give stdin to the container: it is a terminal of the host"


def test_a_terminal_whose_callers_input_has_ended(shop: Workshop) -> None:
    """The test's stdin is /dev/null: readers see an end of file, each of them."""
    changes = {"process.terminal": True, "mounts": [PROC, DEV, DEVPTS], "process.consoleSize": {"height": 24, "width": 80}}
    status, output = shop.run("stty size; cat; cat && echo over; exit 4", changes)
    assert status == WaitStatus(4, None)
    assert output == "24 80\nover\n", "joined with what is no terminal, it hands on the bytes that were written"


# ── parents ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_cgroup_of_the_callers_choice_goes_with_its_parents(shop: Workshop) -> None:
    with shop.create({"linux.cgroupsPath": f"{PLACE}/deep/down"}) as container:
        assert all(path.endswith(f"{PLACE}/deep/down") for path in container.state().cgroups)
        tops = [Path(path).parent.parent for path in container.state().cgroups]
        assert all(top.is_dir() for top in tops)
    assert not [top for top in tops if top.exists()]


def test_parents_vanish_and_come_back_under_many(shop: Workshop) -> None:
    """Whoever destroys the last container takes the parents along, while others are about to make theirs."""
    problems: list[BaseException] = []

    def live(name: str) -> None:
        try:
            for number in range(6):
                with shop.create({}, container_id=f"{name}-{number}") as container:
                    container.start()
                    assert container.wait() == WaitStatus(0, None)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=live, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
