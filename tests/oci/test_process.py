"""The process: where and as whom it runs, with what rights, limits, descriptors and signals."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import CAPABILITIES, namespaces
from tests.oci.containers import Containers, eventually


def status(oci: Containers, changes: dict[str, Any] | None = None) -> dict[str, str]:
    """Return /proc/self/status of the payload."""
    told = oci.run({"process.args": ["/bin/cat", "/proc/self/status"], **(changes or {})}).ok().stdout
    return {line.split(":")[0]: line.split(":", 1)[1].strip() for line in told.splitlines()}


def names(mask: str) -> set[int]:
    return {number for number in range(64) if int(mask, 16) >> number & 1}


# ── where and with what ──────────────────────────────────────────────────────────────────────────────────────────────


def test_it_begins_in_its_directory(oci: Containers) -> None:
    assert oci.sh("pwd", {"process.cwd": "/etc"}) == "/etc"


def test_its_directory_is_made_where_it_is_missing(oci: Containers) -> None:
    assert oci.sh("pwd", {"process.cwd": "/made/for/it"}) == "/made/for/it"


@pytest.mark.lacks("crun", "takes it for one below the root")
def test_a_relative_directory_is_refused(oci: Containers) -> None:
    oci.refused({"process.cwd": "etc"})


def test_its_environment_is_that_of_the_configuration(oci: Containers) -> None:
    environment = ["PATH=/bin", "HOME=/x", "ONE=1", "EMPTY=", "TEXT=a b=c"]
    told = oci.run({"process.args": ["/bin/env"], "process.env": environment}).ok().stdout
    assert sorted(told.splitlines()) == sorted(environment)


def test_its_arguments_come_as_they_are(oci: Containers) -> None:
    arguments = ["a b", "", "$HOME", "'", "é"]
    told = oci.run({"process.args": ["/bin/busybox", "printf", "%s|", *arguments]}).ok().stdout
    assert told == "".join(f"{each}|" for each in arguments)


def test_a_program_is_looked_for_in_path(oci: Containers) -> None:
    (oci.rootfs / "opt").mkdir()
    (oci.rootfs / "opt/program").write_text("#!/bin/sh\necho found\n")
    (oci.rootfs / "opt/program").chmod(0o755)
    assert oci.run({"process.args": ["program"], "process.env": ["PATH=/bin:/opt"]}).ok().stdout == "found\n"


def test_a_program_that_is_not_executable_is_told(oci: Containers) -> None:
    result = oci.run({"process.args": ["/etc/passwd"]})
    assert result.code == 1
    assert "denied" in result.stderr


def test_it_is_alone_in_its_session(oci: Containers) -> None:
    assert oci.sh("cut -d' ' -f6 /proc/self/stat") == "1"


# ── as whom ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_has_its_user_and_groups(oci: Containers) -> None:
    user = {"uid": 1000, "gid": 1001, "additionalGids": [5, 6]}
    assert oci.sh("id -u; id -g; id -G", {"process.user": user}).split() == ["1000", "1001", "1001", "5", "6"]


def test_a_user_need_not_be_in_passwd(oci: Containers) -> None:
    assert oci.sh("id -u", {"process.user": {"uid": 54321, "gid": 54321}}) == "54321"


def test_it_has_no_group_of_the_caller(oci: Containers) -> None:
    assert oci.sh("id -G") == "0"


@pytest.mark.parametrize("umask", [0o027, 0o077])
def test_its_umask_is_set(oci: Containers, umask: int) -> None:
    assert int(oci.sh("umask", {"process.user": {"uid": 0, "gid": 0, "umask": umask}}), 8) == umask


def test_its_usual_umask_is_022(oci: Containers) -> None:
    assert int(oci.sh("umask"), 8) == 0o022


_LAX = pytest.mark.lacks("crun", "takes it for a number")
_NO_USERS = [
    -1,
    2**32,
    1.5,
    pytest.param("root", marks=_LAX),
    pytest.param(True, marks=_LAX),
    pytest.param(2**32 - 1, marks=_LAX),
]


@pytest.mark.parametrize("value", _NO_USERS)
def test_what_is_no_user_is_refused(oci: Containers, value: object) -> None:
    """2**32 - 1 is -1 to the kernel, which then changes nothing."""
    oci.refused({"process.user": {"uid": value, "gid": 0}})


# ── with what rights ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_its_capabilities_are_those_of_the_five_sets(oci: Containers) -> None:
    sets = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN"],
        "inheritable": ["CAP_KILL"],
        "ambient": [],
    }
    found = status(oci, {"process.capabilities": sets, "process.user": {"uid": 1000, "gid": 1000}})
    assert names(found["CapBnd"]) == {0, 5, 7}
    assert names(found["CapInh"]) == {5}
    assert names(found["CapAmb"]) == set()
    assert names(found["CapPrm"]) == set()  # not ambient: a user loses them at execve


def test_ambient_capabilities_reach_an_ordinary_user(oci: Containers) -> None:
    sets = {name: ["CAP_CHOWN", "CAP_KILL"] for name in ("bounding", "permitted", "effective", "inheritable", "ambient")}
    found = status(oci, {"process.capabilities": sets, "process.user": {"uid": 1000, "gid": 1000}})
    assert names(found["CapEff"]) == names(found["CapAmb"]) == {0, 5}


def test_root_has_what_is_bounding(oci: Containers) -> None:
    found = status(oci)
    assert len(names(found["CapBnd"])) == len(CAPABILITIES)
    assert names(found["CapEff"]) == names(found["CapBnd"])


@pytest.mark.lacks("crun", "refuses it")
def test_a_capability_that_there_is_not_is_left_out_and_told(oci: Containers) -> None:
    sets = {"bounding": ["CAP_KILL", "CAP_UNKNOWN"], "permitted": ["CAP_KILL", "CAP_UNKNOWN"]}
    told = oci.run({"process.args": ["/bin/grep", "CapBnd", "/proc/self/status"], "process.capabilities": sets}).ok()
    assert told.stdout.split() == ["CapBnd:", f"{1 << 5:016x}"]
    assert "ignoring unknown or unavailable capabilities: [CAP_UNKNOWN]" in told.stderr


def test_no_capabilities_are_none(oci: Containers) -> None:
    sets: dict[str, list[str]] = {name: [] for name in ("bounding", "permitted", "effective", "inheritable", "ambient")}
    found = status(oci, {"process.capabilities": sets})
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}


@pytest.mark.parametrize("wanted", [True, False])
def test_no_new_privileges_is_set(oci: Containers, wanted: bool) -> None:  # noqa: FBT001
    assert status(oci, {"process.noNewPrivileges": wanted})["NoNewPrivs"] == str(int(wanted))


def test_limits_are_set(oci: Containers) -> None:
    limits = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
        {"type": "RLIMIT_STACK", "soft": 4 * 2**20, "hard": 2**64 - 1},
    ]
    told = oci.sh("ulimit -S -n; ulimit -H -n; ulimit -c; ulimit -S -s", {"process.rlimits": limits})
    assert told.split() == ["100", "200", "0", "4096"]


@pytest.mark.parametrize(
    "limits",
    [
        [{"type": "RLIMIT_NOTHING", "soft": 1, "hard": 1}],
        [{"type": "RLIMIT_NOFILE", "soft": 2, "hard": 1}],
        [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1}, {"type": "RLIMIT_NOFILE", "soft": 2, "hard": 2}],
    ],
)
def test_wrong_limits_are_refused(oci: Containers, limits: list[dict[str, Any]]) -> None:
    oci.refused({"process.rlimits": limits})


@pytest.mark.parametrize("value", [0, 100, 1000])
def test_its_oom_score_is_set(oci: Containers, value: int) -> None:
    assert oci.sh("cat /proc/self/oom_score_adj", {"process.oomScoreAdj": value}) == str(value)


@pytest.mark.lacks("runc<1.2", "knows no scheduler")
@pytest.mark.lacks("crun<1.8.2", "knows no policy of this name")
def test_its_scheduler_is_set(oci: Containers) -> None:
    scheduler = {"policy": "SCHED_BATCH", "nice": 5}
    assert oci.sh("cut -d' ' -f19,41 /proc/self/stat", {"process.scheduler": scheduler}) == "5 3"


@pytest.mark.lacks("runc<1.2", "knows no I/O priority")
@pytest.mark.lacks("crun<1.8.2", "knows no I/O priority")
def test_its_io_priority_is_set(oci: Containers) -> None:
    priority = {"class": "IOPRIO_CLASS_BE", "priority": 7}
    assert "7" in oci.sh("ionice -p 1", {"process.ioPriority": priority})


def test_it_ignores_and_blocks_no_signal(oci: Containers) -> None:
    found = status(oci)
    assert int(found["SigBlk"], 16) == 0
    ours = {
        number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN
    }  # crun and runc leave
    assert not {number + 1 for number in names(found["SigIgn"])} - ours


def test_a_password_file_tells_its_home(oci: Containers) -> None:
    changes = {"process.env": ["PATH=/bin"], "process.user": {"uid": 1000, "gid": 1000}}
    assert oci.sh("echo $HOME", changes) == "/home/ann"


def test_a_home_that_is_told_stays(oci: Containers) -> None:
    changes = {"process.env": ["PATH=/bin", "HOME=/tmp"], "process.user": {"uid": 1000, "gid": 1000}}
    assert oci.sh("echo $HOME", changes) == "/tmp"


@pytest.mark.lacks("crun", "hands on what is there twice, and what is empty")
@pytest.mark.lacks("runc<1.3", "hands on what is there twice, and what is empty")
def test_the_last_value_counts_and_an_empty_home_is_none(oci: Containers) -> None:
    environment = ["PATH=/bin", "ONE=1", "HOME=/x", "TWO=2", "ONE=3", "HOME="]
    told = oci.run({"process.args": ["/bin/env"], "process.env": environment}).ok().stdout
    assert told.splitlines() == ["PATH=/bin", "TWO=2", "ONE=3", "HOME=/root"]


# ── descriptors ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_has_no_descriptor_but_its_streams(oci: Containers) -> None:
    assert oci.sh("ls /proc/1/fd; true").split() == ["0", "1", "2"]


def test_what_waits_for_its_start_has_nothing_of_the_hosts_open(oci: Containers) -> None:
    box = oci.create({"linux.maskedPaths": ["/proc/acpi", "/proc/interrupts"]})
    found = [str(path.readlink()) for path in Path(f"/proc/{box.pid}/fd").iterdir()]
    assert not [target for target in found if target.startswith(("/sys", "/proc", "/dev/pts"))]


@pytest.fixture
def passed(place: Path) -> str:
    """What a shell does to have a file on descriptor 3."""
    (place / "passed").write_text("through a descriptor\n")
    return f"exec 3<{place}/passed"


def test_descriptors_are_preserved(oci: Containers, passed: str) -> None:
    assert oci.sh("cat <&3", None, "--preserve-fds", "1", before=passed) == "through a descriptor"


@pytest.mark.lacks("runc", "gives them the user alone")
def test_pipes_are_the_payloads(oci: Containers) -> None:
    """So that its user can open /dev/stdin again."""
    assert oci.sh("stat -L -c %u:%g /proc/self/fd/0", {"process.user": {"uid": 1000, "gid": 1001}}) == "1000:1001"


def test_descriptors_are_not_preserved_unless_asked_for(oci: Containers, passed: str) -> None:
    assert oci.sh("ls /proc/1/fd; true", None, before=passed).split() == ["0", "1", "2"]


@pytest.mark.lacks("runc", "wants each to be open, or has it open itself", some=True)
def test_of_many_descriptors_those_are_preserved_that_are_open(oci: Containers, passed: str) -> None:
    told = oci.sh("ls /proc/1/fd; cat <&5", None, "--preserve-fds", "9", before=f"{passed} 5<&3")
    assert told.splitlines() == ["0", "1", "2", "3", "5", "through a descriptor"]


@pytest.mark.lacks("runc", "wants each to be open, or has it open itself")
def test_a_descriptor_above_the_payloads_limit_is_preserved(oci: Containers, place: Path, passed: str) -> None:
    before = f"ulimit -n 4096; {passed} 1500<{place}/passed"
    assert oci.sh("cat /proc/self/fd/1500", None, "--preserve-fds", "1600", before=before) == "through a descriptor"


@pytest.mark.lacks("crun", "passes as many")
@pytest.mark.lacks("runc", "passes as many")
def test_no_more_descriptors_are_preserved_than_one_message_holds(oci: Containers) -> None:
    many = 'for number in $(seq 3 302); do eval "exec $number</dev/null"; done'
    assert "200 can be passed at most" in oci.refused({}, "--preserve-fds", "300", before=many)


@pytest.mark.lacks("crun", "passes those that are open")
def test_a_preserved_descriptor_must_be_open(oci: Containers) -> None:
    oci.refused({}, "--preserve-fds", "7")


@pytest.mark.lacks("crun", "passes those that are open")
@pytest.mark.lacks("runc", "passes what it has open itself")
def test_what_the_runtime_has_open_is_not_preserved(oci: Containers) -> None:
    """It opens what it needs itself under the numbers that its caller left free."""
    oci.refused({}, "--preserve-fds", "1")


@pytest.mark.lacks("crun", "does not tell LISTEN_PID")
def test_listening_descriptors_are_passed_on(oci: Containers, place: Path) -> None:
    """As systemd does it: LISTEN_PID is the runtime's own, and the payload's is 1."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "socket"))
        listener.listen()
        told = oci.sh(
            "echo $LISTEN_FDS $LISTEN_PID; readlink /proc/1/fd/3; ls /proc/1/fd; true",
            None,
            before=f"exec 3<&{listener.fileno()} {listener.fileno()}<&-; export LISTEN_FDS=1 LISTEN_PID=$$",
            pass_fds=[listener.fileno()],
        ).split()
    assert told[:2] == ["1", "1"]
    assert told[2].startswith("socket:")
    assert told[3:] == ["0", "1", "2", "3"]


def test_readiness_is_passed_on(oci: Containers, place: Path) -> None:
    """NOTIFY_SOCKET of the caller hears of the payload's READY=1 (sd_notify(3))."""
    script = {"process.args": ["/bin/sh", "-c", "echo $NOTIFY_SOCKET; sleep 1000"]}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(place / "notify"))
        receiver.settimeout(30)
        environ = {**os.environ, "NOTIFY_SOCKET": str(place / "notify")}
        box = oci.begin("run", script, env=environ).await_output("/")
        inside = f"/proc/{box.pid}/root{box.output().strip()}"
        eventually(Path(inside).exists, what="the socket in the container")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"READY=1\n", inside)
        assert b"READY=1" in receiver.recv(4096)
    box.kill().ok()
    box.made.wait()


@pytest.mark.lacks("runc<1.2", "knows no I/O priority")
@pytest.mark.lacks("crun<1.8.2", "knows no I/O priority")
@pytest.mark.parametrize(("name", "expected"), [("IOPRIO_CLASS_IDLE", "idle"), ("IOPRIO_CLASS_RT", "realtime: prio 0")])
def test_its_io_class_is_set(oci: Containers, name: str, expected: str) -> None:
    assert oci.sh("ionice -p 1", {"process.ioPriority": {"class": name, "priority": 0}}).startswith(expected)


@pytest.mark.lacks("runc", "lowers nothing that its caller has raised")
@pytest.mark.lacks("crun", "lowers nothing that its caller has raised")
def test_the_callers_niceness_is_no_hindrance(oci: Containers) -> None:
    """It is not handed on where the kernel lets it be lowered; in a user namespace it does not, and the container runs."""
    before = "renice -n 5 $$ >/dev/null"
    nice = "cut -d' ' -f19 /proc/self/stat"
    maps = [{"containerID": 0, "hostID": 100_000, "size": 10}]
    users = {"linux.namespaces": namespaces(user=""), "linux.uidMappings": maps, "linux.gidMappings": maps}
    assert oci.sh(nice, before=before) == "0"
    assert oci.sh(nice, users, before=before) == "5"
