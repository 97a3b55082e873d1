"""What the daemon and the spawner have given up, seen from outside, and by calls that their own threads make.

The thread that is not confined is the control: of the same process, and able to do what the others are not.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from containerd_py.runtime.cgroups.layout import probe
from tests.integration.api.restarts import until
from tests.integration.confinement.foreign_calls import ForeignThread
from tests.integration.recovery.test_spawner_loss import kill_spawner, spawner_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.api_client import Api
    from tests.integration.daemon_process import Daemon

AT_FDCWD = -100
CREATE = os.O_WRONLY | os.O_CREAT
PTRACE_ATTACH = 16
FIELDS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="foreign calls are made on x86_64 only")


def status(place: str) -> dict[str, str]:
    """place: "PID", or "PID/task/TID"."""
    lines = Path(f"/proc/{place}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines) if name in FIELDS}


def unconfined(pid: int) -> list[int]:
    """Return the threads that have a program's usual rights."""
    return [int(one) for one in os.listdir(f"/proc/{pid}/task") if status(f"{pid}/task/{one}") == status("self")]


def refused(thread: ForeignThread, name: str, *arguments: int | bytes) -> int | None:
    """Return the error number of a call, None where it is let through."""
    try:
        result = thread.call(name, *arguments)
    except OSError as problem:
        return problem.errno
    if name in ("openat", "socket"):
        thread.call("close", result)
    return None


async def test_it_writes_below_its_own_directories_and_nowhere_else(daemon: Daemon, tmp_path: Path) -> None:
    present, folder = tmp_path / "present", tmp_path / "folder"
    present.write_text("as it was")
    folder.mkdir()
    outside, new = bytes(present), bytes(tmp_path / "new")
    with ForeignThread(daemon.pid) as thread:
        for directory in (daemon.state_dir, daemon.data_dir):
            thread.opened(AT_FDCWD, bytes(directory / "mine"), CREATE, 0o600)
            thread.call("mkdir", bytes(directory / "folder"), 0o700)
            thread.call("rmdir", bytes(directory / "folder"))
            thread.call("unlink", bytes(directory / "mine"))
        for number, path in enumerate(("/proc/sys/kernel/core_pattern", "/dev/null", "/etc/hosts")):
            assert refused(thread, "openat", AT_FDCWD, path.encode(), os.O_WRONLY, 0) == errno.EACCES, number
        for call in (
            ("openat", AT_FDCWD, outside, os.O_WRONLY, 0),
            ("openat", AT_FDCWD, new, CREATE, 0o600),
            ("truncate", outside, 0),
            ("mkdir", new, 0o700),
            ("mknod", new, 0o100600, 0),
            ("mknod", bytes(daemon.state_dir / "node"), 0o020600, os.makedev(1, 3)),
            ("symlink", b"/", new),
            ("link", outside, new),
            ("unlink", outside),
            ("rmdir", bytes(folder)),
            ("rename", outside, new),
        ):
            assert refused(thread, *call) in (errno.EACCES, errno.EXDEV, errno.EPERM), call
        assert refused(thread, "openat", AT_FDCWD, outside, os.O_RDONLY, 0) is None
    assert present.read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["daemon", "folder", "present"]
    (control,) = unconfined(daemon.pid)
    with ForeignThread(control) as thread:
        thread.opened(AT_FDCWD, new, CREATE, 0o600)
        thread.call("truncate", outside, 0)
        thread.call("rmdir", bytes(folder))
    assert (tmp_path / "new").exists()
    assert present.read_text() == ""
    assert not folder.exists()


async def test_it_makes_and_removes_cgroups_in_every_hierarchy(daemon: Daemon) -> None:
    """In that of the service managers too, which a container is shown with the others."""
    layout = probe()
    with ForeignThread(daemon.pid) as thread:
        for mount in {*layout.hierarchies.values(), *([layout.v2] if layout.v2 else [])}:
            cgroup = f"{mount}/pycontainerd-test-{daemon.pid}".encode()
            thread.call("mkdir", cgroup, 0o755)
            thread.call("rmdir", cgroup)


async def test_it_has_no_sockets_but_local_ones(daemon: Daemon) -> None:
    families = (socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, socket.AF_NETLINK, socket.AF_VSOCK)
    with ForeignThread(daemon.pid) as thread:
        for family in families:
            assert refused(thread, "socket", family, socket.SOCK_DGRAM, 0) == errno.EAFNOSUPPORT
        assert refused(thread, "socket", socket.AF_UNIX, socket.SOCK_STREAM, 0) is None
    (control,) = unconfined(daemon.pid)
    with ForeignThread(control) as thread:
        for family in (socket.AF_INET, socket.AF_NETLINK):
            assert refused(thread, "socket", family, socket.SOCK_DGRAM, 0) is None


async def test_it_executes_mounts_and_enters_nothing(daemon: Daemon, tmp_path: Path) -> None:
    arguments = struct.pack("QQ", 0, 0)
    with ForeignThread(daemon.pid) as thread:
        for call in (
            ("execve", b"/bin/true", arguments, arguments),
            ("mount", b"none", bytes(tmp_path), b"tmpfs", 0, 0),
            ("umount2", bytes(tmp_path), 0),
            ("unshare", 0x2000_0000),
            ("capset", struct.pack("Ii", 0x2008_0522, 0), struct.pack("6I", *[0xFFFF_FFFF] * 2, 0, *[0x1FF] * 2, 0)),
            ("setns", 0, 0),
            ("ptrace", PTRACE_ATTACH, os.getpid(), 0, 0),
        ):
            assert refused(thread, *call) == errno.EPERM, call
    (control,) = unconfined(daemon.pid)
    with ForeignThread(control) as thread:
        assert refused(thread, "setns", 0, 0) == errno.EINVAL
        assert refused(thread, "umount2", bytes(tmp_path), 0) == errno.EINVAL


async def test_one_thread_alone_is_as_it_was_started(daemon: Daemon, api: Api) -> None:
    assert (await api.get("/v1/doctor")).status == 200  # by a thread of its own, that has ended then
    assert (await api.get("/metrics")).status == 200  # by one of the pool's
    await until_one(daemon.pid)
    kinds = {tuple(status(f"{daemon.pid}/task/{one}").items()) for one in os.listdir(f"/proc/{daemon.pid}/task")}
    assert len(kinds) == 2
    own, theirs = status("self"), status(str(daemon.pid))
    assert (theirs["NoNewPrivs"], theirs["Seccomp"], theirs["CapBnd"]) == ("1", "2", own["CapBnd"])
    assert theirs["CapPrm"] == own["CapPrm"]
    left = int(theirs["CapEff"], 16)
    for name, number in {"CAP_SYS_MODULE": 16, "CAP_SYS_RAWIO": 17, "CAP_SYS_TIME": 25, "CAP_MKNOD": 27}.items():
        assert not left & 1 << number, name
        assert int(own["CapEff"], 16) & 1 << number, name


async def until_one(pid: int) -> None:
    for _ in range(2000):
        if len(unconfined(pid)) == 1:
            return
    raise AssertionError("threads of their own do not end")


async def test_a_hook_has_all_rights(api: Api, rootfs: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat >/dev/null; cat /proc/self/status >{told}"]}
    document = {
        "ociVersion": "1.1.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["/bin/true"], "cwd": "/"},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
        "hooks": {"createRuntime": [hook]},
    }
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "config.json").write_text(json.dumps(document))
    answer = await api.post("/v1/containers", json={"bundle": str(bundle)})
    assert answer.status == 201, answer.body
    lines = dict(line.split(":\t", 1) for line in told.read_text().splitlines() if line.split(":")[0] in FIELDS)
    assert lines == status("self")
    await api.delete(f"/v1/containers/{answer.json['id']}?force=true")


async def test_the_next_spawner_has_all_rights(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """It is started by a daemon that is confined already."""
    daemon.expect_errors()
    assert status(str(await spawner_of(api))) == status("self")
    assert status(str(await kill_spawner(api))) == status("self")
    container = await api.create(rootfs, "/bin/sh", "-c", "exec sleep 100", name="next", privileged=True)
    await api.post(f"/v1/containers/{container}/start")
    found = await until(api, container, status="running")
    assert status(str(found["pid"]))["CapBnd"] == status("self")["CapBnd"]
    await api.delete(f"/v1/containers/{container}?force=true")


@pytest.fixture
def listening() -> Iterator[bytes]:
    """The address of a socket of this host that takes connections, as connect(2) has it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        yield struct.pack("=H2s4s8x", socket.AF_INET, port.to_bytes(2, "big"), socket.inet_aton("127.0.0.1"))


async def test_the_spawner_has_no_network(daemon: Daemon, api: Api, listening: bytes) -> None:
    spawner = (await api.get("/v1/info")).json["spawner_pid"]
    assert os.readlink(f"/proc/{spawner}/ns/net") != os.readlink("/proc/self/ns/net")
    devices = Path(f"/proc/{spawner}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]
    for thread_id, expected in ((spawner, errno.ENETUNREACH), (unconfined(daemon.pid)[0], None)):
        with ForeignThread(thread_id) as thread:
            connection = thread.call("socket", socket.AF_INET, socket.SOCK_STREAM, 0)
            assert refused(thread, "connect", connection, listening, 16) == expected
            thread.call("close", connection)


@pytest.mark.parametrize("spec", [{"network": "host"}, {"network": "host", "pid": "host"}])
async def test_a_container_has_the_hosts_network_by_its_wish(api: Api, rootfs: Path, spec: dict[str, Any]) -> None:
    ended, output = await api.run(rootfs, "/bin/busybox", "readlink", "/proc/self/ns/net", **spec)
    assert (ended["exit_code"], output.decode().strip()) == (0, os.readlink("/proc/self/ns/net"))


_WITHOUT = """
import errno, sys
from containerd_py.runtime.linux import process
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.spec.linux import Seccomp, SeccompRule

absent = SeccompRule(names=("landlock_create_ruleset",), action="SCMP_ACT_ERRNO", errno_ret=errno.ENOSYS)
compiled = compile_profile(Seccomp(default_action="SCMP_ACT_ALLOW", syscalls=(absent,)))
process.seccomp_set_filter(compiled.program, compiled.flags)
from containerd_py.__main__ import main

sys.exit(main())
"""


def test_a_kernel_without_landlock_is_told_of(tmp_path: Path) -> None:
    options = ("--socket", f"{tmp_path}/sock", "--state-dir", f"{tmp_path}/state", "--data-dir", f"{tmp_path}/data")
    with subprocess.Popen([sys.executable, "-c", _WITHOUT, *options], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = [json.loads(process.stderr.readline()) for _ in range(2)]
            for line in process.stderr:
                if '"serving"' in line:
                    break
        finally:
            process.terminate()
    assert process.returncode == 0
    assert (lines[0]["level"], lines[0]["event"]) == ("warning", "the kernel does not confine where the daemon writes")
    assert (lines[1]["landlock"], lines[1]["seccomp"]) == (0, True)
