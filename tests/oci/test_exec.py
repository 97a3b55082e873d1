"""exec: one more process in a container, as the container's own or as told."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.oci.console import ConsoleSocket, caller_terminal
from tests.oci.containers import Container, Containers, eventually


@pytest.fixture
def box(oci: Containers) -> Container:
    return oci.start({"process.env": ["PATH=/bin", "OWN=1"], "hostname": "box"})


def test_its_output_and_code_come_back(box: Container) -> None:
    result = box.exec("/bin/sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_a_signal_is_told_as_shells_do(box: Container) -> None:
    assert box.exec("/bin/sh", "-c", "kill -9 $$").code == 128 + signal.SIGKILL


def test_it_reads_the_callers_input(box: Container) -> None:
    read, write = os.pipe()
    os.write(write, b"through\n")
    os.close(write)
    assert box.exec("/bin/cat", stdin=read).ok().stdout == "through\n"
    os.close(read)


@pytest.mark.parametrize("name", ["pid", "net", "ipc", "uts", "mnt"])
def test_it_is_in_the_containers_namespaces(box: Container, name: str) -> None:
    assert box.sh(f"readlink /proc/self/ns/{name}") == os.readlink(f"/proc/{box.pid}/ns/{name}")


def test_it_is_in_the_containers_cgroup(box: Container) -> None:
    own = box.sh("cat /proc/self/cgroup")
    assert own == Path(f"/proc/{box.pid}/cgroup").read_text().strip()


@pytest.mark.lacks("crun", "leaves out no_new_privs")
def test_it_has_the_containers_rights(box: Container) -> None:
    lines = dict(line.split(":\t") for line in box.sh("cat /proc/self/status").splitlines() if ":\t" in line)
    first = dict(line.split(":\t") for line in Path(f"/proc/{box.pid}/status").read_text().splitlines() if ":\t" in line)
    for name in ("CapBnd", "CapPrm", "CapEff", "NoNewPrivs", "Seccomp"):
        assert lines[name] == first[name]


@pytest.mark.lacks("crun", "has another environment for exec")
def test_it_has_the_containers_environment_and_what_is_added(box: Container) -> None:
    told = box.exec("--env", "ADDED=a b", "--env", "MORE=", "--", "/bin/env").ok().stdout.splitlines()
    assert {"OWN=1", "ADDED=a b", "MORE="} <= set(told)


def test_its_directory_is_as_told(box: Container) -> None:
    assert box.exec("--cwd", "/etc", "--", "/bin/pwd").ok().stdout == "/etc\n"


def test_its_home_is_its_users(oci: Containers) -> None:
    box = oci.start({"process.env": ["PATH=/bin"]})
    assert box.exec("--user", "1000", "--", "/bin/sh", "-c", "echo $HOME").ok().stdout.strip() == "/home/ann"
    assert box.sh("echo $HOME") == "/root"


@pytest.mark.parametrize(("user", "expected"), [("1000", "1000 0"), ("1000:1001", "1000 1001")])
def test_its_user_is_as_told(box: Container, user: str, expected: str) -> None:
    told = box.exec("--user", user, "--", "/bin/sh", "-c", "echo $(id -u) $(id -g)").ok().stdout.strip()
    assert told == expected


@pytest.mark.lacks("crun<1.9", "has no such option")
def test_it_has_additional_groups(box: Container) -> None:
    told = box.exec("-u", "1000:1000", "-g", "5", "-g", "6", "--", "/bin/id", "-G").ok().stdout
    assert told.split() == ["1000", "5", "6"]


def test_a_capability_is_added(box: Container) -> None:
    told = box.exec("--cap", "CAP_NET_RAW", "--", "/bin/grep", "CapEff", "/proc/self/status").ok().stdout
    assert int(told.split()[1], 16) >> 13 & 1


def test_no_new_privs_is_set(oci: Containers) -> None:
    box = oci.start({"process.noNewPrivileges": False})
    assert box.exec("/bin/grep", "NoNewPrivs", "/proc/self/status").ok().stdout.split()[1] == "0"
    assert box.exec("--no-new-privs", "--", "/bin/grep", "NoNewPrivs", "/proc/self/status").ok().stdout.split()[1] == "1"


def process(**changes: Any) -> dict[str, Any]:
    return {"args": ["/bin/sh", "-c", "pwd; id -u; echo $X"], "cwd": "/etc", "env": ["PATH=/bin", "X=y"], **changes}


def test_all_is_read_from_a_process_document(box: Container, place: Path) -> None:
    (place / "process.json").write_text(json.dumps(process(user={"uid": 5, "gid": 5})))
    assert box.runtime("exec", "--process", place / "process.json", box.id).ok().stdout.split() == ["/etc", "5", "y"]


def test_a_process_document_without_capabilities_has_no_more_than_the_container(oci: Containers, place: Path) -> None:
    box = oci.start({"process.capabilities": {name: ["CAP_KILL"] for name in ("bounding", "effective", "permitted")}})
    told = ["/bin/grep", "-E", "Cap(Bnd|Eff|Prm)", "/proc/self/status"]
    (place / "process.json").write_text(json.dumps(process(args=told)))
    found = box.runtime("exec", "--process", place / "process.json", box.id).ok().stdout.split()
    assert found == ["CapPrm:", kill := f"{1 << 5:016x}", "CapEff:", kill, "CapBnd:", kill]


@pytest.mark.lacks("crun", "has the umask and the score of that document alone")
@pytest.mark.lacks("runc<1.2", "has the usual umask")
def test_what_else_a_process_document_leaves_out_is_the_containers(oci: Containers, place: Path) -> None:
    box = oci.start({"process.oomScoreAdj": 300, "process.user": {"uid": 0, "gid": 0, "umask": 0o27}})
    told = ["/bin/sh", "-c", "umask; cat /proc/self/oom_score_adj"]
    (place / "process.json").write_text(json.dumps(process(args=told)))
    assert box.runtime("exec", "--process", place / "process.json", box.id).ok().stdout.split() == ["0027", "300"]


@pytest.mark.lacks("crun", "has the caller's limits")
@pytest.mark.lacks("runc", "has the caller's limits")
def test_a_process_document_without_limits_has_those_of_the_container(oci: Containers, place: Path) -> None:
    box = oci.start({"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}]})
    (place / "process.json").write_text(json.dumps(process(args=["/bin/sh", "-c", "ulimit -Sn; ulimit -Hn"])))
    assert box.runtime("exec", "--process", place / "process.json", box.id).ok().stdout.split() == ["77", "99"]


def test_detached_returns_while_it_runs(box: Container, place: Path) -> None:
    box.exec("--detach", "--pid-file", str(place / "pid"), "--", "/bin/sleep", "500").ok()
    pid = int((place / "pid").read_text())
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"/bin/sleep\x00500\x00"
    assert os.readlink(f"/proc/{pid}/ns/mnt") == os.readlink(f"/proc/{box.pid}/ns/mnt")


def test_a_pid_file_is_written_in_the_foreground_too(box: Container, place: Path) -> None:
    box.exec("--pid-file", str(place / "pid"), "--", "/bin/true").ok()
    assert (place / "pid").read_text().isdigit()


def test_a_pid_file_that_cannot_be_written_is_what_is_told_of(box: Container, place: Path) -> None:
    """Whether the process has ended by then or not."""
    for program in ("/bin/true", "/bin/cat"):
        refused = box.exec("--pid-file", str(place / "none/pid"), "--", program)
        assert refused.code
        assert f"{place}/none/" in refused.stderr


def test_a_terminal_is_joined_with_the_callers(box: Container) -> None:
    with caller_terminal() as (person, theirs):
        running = box.runtime.begin("exec", "--tty", box.id, "/bin/sh", stdin=theirs, stdout=theirs, stderr=theirs)
        person.write("tty; echo $((6*7))\n")
        assert "/dev/pts/" in person.await_text("\n42")
        person.write("exit 5\n")
        assert running.wait().code == 5


def test_a_terminal_is_sent_to_the_console_socket(box: Container, place: Path) -> None:
    console = ConsoleSocket(place / "console")
    running = box.runtime.begin("exec", "--tty", "--detach", "--console-socket", console.path, box.id, "/bin/sh")
    with console.terminal() as terminal:
        running.wait().ok()
        terminal.write("echo $((6*7))\n")
        terminal.await_text("\n42")
    console.close()


def test_descriptors_are_preserved(box: Container, place: Path) -> None:
    (place / "passed").write_text("through")
    told = box.exec("--preserve-fds", "1", "--", "/bin/sh", "-c", "cat <&3", before=f"exec 3<{place}/passed")
    assert told.ok().stdout == "through"


@pytest.mark.lacks("crun", "passes none on", run=False)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_are_passed_on(box: Container, number: signal.Signals) -> None:
    script = f"trap 'echo caught; exit 3' {number.name[3:]}; echo ready; while :; do sleep 0.02; done"
    running = box.runtime.begin("exec", box.id, "/bin/sh", "-c", script)
    eventually(lambda: "ready" in running.output(), what="the process")
    running.process.send_signal(number)
    result = running.wait()
    assert (result.code, result.stdout) == (3, "ready\ncaught\n")


@pytest.mark.lacks("crun", "wants its path without the controller")
def test_a_sub_cgroup_is_entered(box: Container) -> None:
    (Path("/sys/fs/cgroup/pids") / box.id / "inner").mkdir()
    told = box.exec("--cgroup", "pids:inner", "--", "/bin/grep", ":pids:", "/proc/self/cgroup").ok().stdout
    assert told.strip().endswith(f"{box.id}/inner")


def test_what_is_no_program_is_told(box: Container) -> None:
    result = box.exec("/bin/no-such-program")
    assert result.code != 0
    assert "no-such-program" in result.stderr


@pytest.mark.lacks("crun", "takes some of them", some=True)
@pytest.mark.lacks("runc", "takes some of them", some=True)
@pytest.mark.parametrize("options", [("--user", "bob"), ("--user", "1:x"), ("--cwd", "relative")])
def test_a_wrong_option_is_refused(box: Container, options: tuple[str, ...]) -> None:
    assert box.exec(*options, "--", "/bin/true").code == 255


def test_a_program_must_be_given(box: Container) -> None:
    assert box.runtime("exec", box.id).code != 0


def test_a_container_that_does_not_exist_is_told(oci: Containers) -> None:
    assert oci.runtime("exec", "nobody", "/bin/true").code != 0


def test_a_stopped_container_is_refused(box: Container) -> None:
    box.kill().ok()
    box.await_status("stopped")
    assert box.exec("/bin/true").code != 0


def test_a_created_container_can_be_entered(oci: Containers) -> None:
    box = oci.create({"process.args": ["/bin/sleep", "1000"]})
    assert box.sh("hostname")


def test_it_has_no_descriptor_but_its_streams(box: Container) -> None:
    assert box.sh("ls /proc/$$/fd; true").split() == ["0", "1", "2"]


@pytest.mark.lacks("runc<1.3", "knows no affinity of a further process")
@pytest.mark.lacks("crun<1.21", "knows no affinity of a further process")
def test_it_has_the_affinity_of_further_processes(oci: Containers) -> None:
    box = oci.start({"process.execCPUAffinity": {"initial": "0", "final": "1"}})
    told = box.sh("grep Cpus_allowed_list /proc/self/status; grep Cpus_allowed_list /proc/1/status").splitlines()
    assert told[0].split()[1] == "1"
    assert told[1].split()[1] != "1"
