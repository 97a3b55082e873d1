"""A real worker carries a hand-made plan out. Needs root and busybox-static."""

import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime import process
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.mounts import MountAttr, Propagation
from containerd_py.runtime.linux.pidfd import WaitStatus, pidfd_send_signal, wait_exit
from containerd_py.runtime.opened import Opened
from containerd_py.runtime.plan import operations as op
from containerd_py.runtime.plan.plan import Plan
from tests.surroundings import host_mounts

NAMESPACES = ("mount", "pid", "network", "ipc", "uts", "cgroup")


def plan_for(rootfs: Path, *arguments: str, extra: tuple[op.Operation, ...] = ()) -> Plan:
    steps = (
        op.ResetProcess("_ses.test"),
        op.UnshareCgroup(),
        op.SetPropagation(int(Propagation.SLAVE), "rslave"),
        op.CloneNull(),
        op.AttachRoot(str(rootfs)),
        op.MountFilesystem("proc", "proc", "/proc", (), int(MountAttr.NOSUID | MountAttr.NODEV | MountAttr.NOEXEC)),
        op.MountFilesystem("tmpfs", "tmpfs", "/dev", (("mode", "755"),), int(MountAttr.NOSUID)),
        op.MakeDevice("/dev/null", "c", 1, 3, 0o666, 0, 0),
        op.LoopbackUp(),
        op.SetHostname("inside"),
        op.PivotRoot(),
        *extra,
        op.AttachStdio(terminal=False, uid=0, gid=0),
        op.CloseOnExec(),
        op.LimitBounding(0),
        op.SetIdentity(0, 0, (), 0o22),
        op.SetCapabilities(0, 0, 0, 0),
        op.ChangeDirectory("/"),
        op.FindProgram(arguments[0], ("/bin",)),
        op.SetNoNewPrivs(),
        op.AwaitStart(),
        op.ResetSignals(),
        op.Exec(arguments, ("PATH=/bin", "COLOUR=red")),
    )
    return Plan(NAMESPACES, steps)


class Run:
    """One worker from launch to end."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        read, write = os.pipe()
        self.output = Fd(read)
        with Fd(write), Opened(plan) as opened:
            self.worker = process.launch(plan, {"stdout": write, "stderr": write}, cgroup=None, opened=opened)
        self.worker.control.settimeout(20)

    def ready(self) -> dialogue.Message | None:
        return dialogue.receive(self.worker.control)[0]

    def start(self) -> list[dialogue.Message | None]:
        dialogue.send_start(self.worker.control)
        answers: list[dialogue.Message | None] = [dialogue.receive(self.worker.control)[0]]
        while answers[-1] is not None:
            answers.append(dialogue.receive(self.worker.control)[0])
        return answers

    def wait(self) -> WaitStatus | None:
        assert select.select([self.worker.pidfd], [], [], 20)[0]
        return wait_exit(self.worker.pidfd.fileno())

    def read(self) -> str:
        with open(self.output.take(), "rb") as file:
            return file.read().decode()

    def close(self) -> None:
        try:
            pidfd_send_signal(self.worker.pidfd.fileno(), signal.SIGKILL)
            self.wait()
        except (ProcessLookupError, ChildProcessError):
            pass
        self.worker.close()
        self.output.close()


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    made: list[Run] = []
    yield made
    for run in made:
        run.close()


def test_a_payload_runs_in_its_own_namespaces(rootfs: Path, runs: list[Run]) -> None:
    script = "echo $COLOUR; hostname; echo $$; cat /sys/class/net/*/x /proc/self/cgroup; mount; exit 7"
    runs.append(run := Run(plan_for(rootfs, "/bin/sh", "-c", script)))
    ready = run.ready()
    assert isinstance(ready, dialogue.Ready)
    assert len(ready.ended_ns) == run.plan.start_index()
    times, end = run.start()
    assert isinstance(times, dialogue.Times)
    assert end is None
    assert run.wait() == WaitStatus(7, None)
    lines = run.read().splitlines()
    assert lines[:3] == ["red", "inside", "1"]
    assert any(line.endswith(" on /proc type proc (rw,nosuid,nodev,noexec,relatime)") for line in lines)
    assert not any(str(rootfs.parent) in line for line in lines)


def test_nothing_of_ours_is_inherited(rootfs: Path, runs: list[Run]) -> None:
    """Descriptors, signals, capabilities, the session, the umask (SECURITY R3, R8, R9)."""
    runs.append(run := Run(plan_for(rootfs, "/bin/sh", "-c", "ls /proc/self/fd; cat /proc/self/status; umask")))
    assert isinstance(run.ready(), dialogue.Ready)
    run.start()
    assert run.wait() == WaitStatus(0, None)
    lines = run.read().splitlines()
    assert lines[:4] == ["0", "1", "2", "3"]  # 3 is ls reading the directory
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    for name in ("SigIgn", "SigBlk", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert (name, int(status[name], 16)) == (name, 0)
    assert status["NoNewPrivs"] == "1"
    assert status["NStgid" if "NStgid" in status else "NSpid"].split()[-1] != "0"
    assert lines[-1] == "0022"


@pytest.mark.parametrize(
    ("program", "number"),
    [
        ("/bin/nope", "ENOENT"),
        ("nope", "ENOENT"),
        ("/bin", "EISDIR"),
        ("/plain", "EACCES"),
    ],
)
def test_a_program_that_cannot_run_is_told_before_start(rootfs: Path, runs: list[Run], program: str, number: str) -> None:
    (rootfs / "plain").write_text("text")
    runs.append(run := Run(plan_for(rootfs, program)))
    failed = run.ready()
    assert isinstance(failed, dialogue.Failed)
    error = process.failure(run.plan, failed)
    assert (error.kind, error.errno, error.step) == ("invalid_argument", number, "exec")
    assert program in error.message
    assert run.wait() == WaitStatus(127 if number == "ENOENT" else 126, None)


def test_a_file_that_is_no_program_is_told_at_start(rootfs: Path, runs: list[Run]) -> None:
    (rootfs / "bin/garbage").write_text("\x00\x01")
    (rootfs / "bin/garbage").chmod(0o755)
    runs.append(run := Run(plan_for(rootfs, "garbage")))
    assert isinstance(run.ready(), dialogue.Ready)
    _times, failed, _end = run.start()
    assert isinstance(failed, dialogue.Failed)
    assert process.failure(run.plan, failed).errno == "ENOEXEC"


@pytest.mark.parametrize("made", ["missing", "file", "symlink"])
def test_a_root_that_is_no_directory_is_told(tmp_path: Path, runs: list[Run], made: str) -> None:
    path = tmp_path / made
    if made == "file":
        path.touch()
    if made == "symlink":
        path.symlink_to("/")
    runs.append(run := Run(plan_for(path, "/bin/true")))
    failed = run.ready()
    assert isinstance(failed, dialogue.Failed)
    error = process.failure(run.plan, failed)
    assert (error.kind, error.step) == ("invalid_argument", "rootfs")
    assert str(path) in error.message


def test_closing_the_control_socket_ends_the_worker(rootfs: Path, runs: list[Run]) -> None:
    runs.append(run := Run(plan_for(rootfs, "/bin/true")))
    assert isinstance(run.ready(), dialogue.Ready)
    run.worker.control.close()
    assert run.wait() == WaitStatus(1, None)


@pytest.mark.parametrize("target", ["/proc", "/dev"])
def test_a_symlink_at_a_standard_target_is_refused(rootfs: Path, runs: list[Run], target: str) -> None:
    """CVE-2019-19921: an image whose /proc leads elsewhere."""
    (rootfs / target.lstrip("/")).symlink_to("/bin")
    runs.append(run := Run(plan_for(rootfs, "/bin/true")))
    failed = run.ready()
    assert isinstance(failed, dialogue.Failed)
    assert process.failure(run.plan, failed).errno == "ELOOP"


def test_masked_and_read_only_paths(rootfs: Path, runs: list[Run]) -> None:
    (rootfs / "secret").write_text("secret")
    (rootfs / "secret2").write_text("secret")
    (rootfs / "folder").mkdir()
    (rootfs / "folder/secret").write_text("secret")
    (rootfs / "fixed").mkdir()
    masks = (op.MaskPath("/secret"), op.MaskPath("/folder"), op.MaskPath("/absent"), op.ReadonlyPath("/fixed"))
    again = (op.MaskPath("/fixed"), op.MaskPath("/secret2"))  # a second directory and a second file
    script = "cat /secret /secret2; ls /folder /fixed; echo x >/fixed/a; echo x >/free && echo free"
    runs.append(run := Run(plan_for(rootfs, "/bin/sh", "-c", script, extra=(*masks, *again))))
    assert isinstance(run.ready(), dialogue.Ready)
    run.start()
    run.wait()
    output = run.read()
    assert "secret" not in output.replace("/secret2", "").replace("/secret", "")
    assert "Read-only file system" in output
    assert output.splitlines()[-1] == "free"


def test_a_masked_file_is_not_the_hosts_null_device_to_change(rootfs: Path, runs: list[Run]) -> None:
    (rootfs / "secret").write_text("secret")
    (rootfs / "bin/chmod").symlink_to("busybox")
    (rootfs / "bin/touch").symlink_to("busybox")
    before = os.stat("/dev/null")
    script = "chmod 0666 /secret || touch -d 2001-01-01 /secret || echo refused; echo x >/secret && echo written"
    runs.append(run := Run(plan_for(rootfs, "/bin/sh", "-c", script, extra=(op.MaskPath("/secret"),))))
    run.ready()
    run.start()
    run.wait()
    assert run.read().splitlines()[-2:] == ["refused", "written"]
    after = os.stat("/dev/null")
    assert (after.st_mode, after.st_uid, after.st_mtime) == (before.st_mode, before.st_uid, before.st_mtime)


def test_the_host_keeps_its_mounts(rootfs: Path, runs: list[Run]) -> None:
    before = host_mounts(rootfs)
    runs.append(run := Run(plan_for(rootfs, "/bin/true")))
    run.ready()
    run.start()
    run.wait()
    assert host_mounts(rootfs) == before
