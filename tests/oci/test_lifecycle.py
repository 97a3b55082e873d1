"""create, start, state, kill, delete and run: the states of a container, and what each command refuses."""

import json
import os
import signal
import socket
from functools import partial
from pathlib import Path

import pytest

from tests.oci.bundle import namespaces
from tests.oci.containers import Container, Containers, eventually

_LAX = [
    pytest.param(text, marks=pytest.mark.lacks("crun<1.9", "takes an id that is no portable file name"))
    for text in ("a b", "a\nb", "é")
]
_BAD_IDS = ["", "a/b", "..", ".", "a" * 1100, *_LAX]
SLEEP = {"process.args": ["/bin/sleep", "1000"]}
CATCHING = {"process.args": ["/bin/sh", "-c", "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.02; done"]}


def test_a_container_goes_through_its_states(oci: Containers) -> None:
    box = oci.create(SLEEP)
    created = box.state()
    assert created["status"] == "created"
    assert created["pid"] > 0
    assert box.start().status() == "running"
    box.kill("KILL").ok()
    stopped = box.await_status("stopped").state()
    assert stopped.get("pid", 0) == 0
    box.delete().ok()
    oci.nothing_left(box.id)


def test_state_is_that_of_the_specification(oci: Containers) -> None:
    box = oci.start({"annotations": {"org.example.key": "value"}})
    state = box.state()
    assert state["id"] == box.id
    assert state["bundle"] == str(oci.bundle)
    assert os.path.join(oci.bundle, state["rootfs"]) == str(oci.rootfs)
    assert state["annotations"] == {"org.example.key": "value"}
    assert state["ociVersion"].startswith("1.")
    assert state["created"].endswith("Z")
    assert Path(f"/proc/{state['pid']}/comm").read_text() == "sleep\n"


def test_the_payload_does_not_run_before_start(oci: Containers) -> None:
    box = oci.create({"process.args": ["/bin/sh", "-c", "echo here > /mark"]})
    assert not (oci.rootfs / "mark").exists()
    box.start().await_status("stopped")
    assert (oci.rootfs / "mark").read_text() == "here\n"


def test_the_configuration_counts_as_it_was_at_creation(oci: Containers) -> None:
    box = oci.create({"process.args": ["/bin/echo", "first"]})
    oci.configure({"process.args": ["/bin/echo", "second"]}, box.id)
    box.start().await_output("first")


def test_the_bundle_is_the_working_directory_by_default(oci: Containers) -> None:
    container_id = oci.fresh_id()
    oci.configure({"process.args": ["/bin/echo", "ran"]}, container_id)
    assert oci.runtime("run", container_id, cwd=oci.bundle).ok().stdout == "ran\n"


def test_a_process_has_arguments(oci: Containers) -> None:
    assert oci.refused({"process.args": []})


@pytest.mark.parametrize("container_id", _BAD_IDS)
def test_what_is_no_id_is_refused(oci: Containers, container_id: str) -> None:
    oci.configure({}, "pycontainerd-oci-bad-id")
    result = oci.runtime("create", "--bundle", oci.bundle, "--", container_id)
    oci.runtime("delete", "--force", "--", container_id)
    assert result.code != 0
    assert not oci.state_files()


@pytest.mark.parametrize("suffix", ["_", ".a", "+b", "-C", "09"])
def test_what_is_an_id_is_accepted(oci: Containers, suffix: str) -> None:
    oci.prefix += suffix
    box = oci.create(SLEEP)
    assert box.status() == "created"


def test_an_id_is_taken_once(oci: Containers) -> None:
    box = oci.create(SLEEP)
    result = oci.runtime("create", "--bundle", oci.bundle, box.id)
    assert result.code == 1
    assert "exist" in result.stderr or "taken" in result.stderr
    assert box.status() == "created"


def test_an_id_is_free_again_after_delete(oci: Containers) -> None:
    box = oci.create(SLEEP)
    box.delete("--force").ok()
    oci.runtime("create", "--bundle", oci.bundle, box.id).ok()
    assert box.status() == "created"


def test_a_container_is_started_once(oci: Containers) -> None:
    box = oci.start()
    result = oci.runtime("start", box.id)
    assert result.code == 1
    assert result.stderr
    assert box.status() == "running"


def test_a_stopped_container_is_not_started(oci: Containers) -> None:
    box = oci.start()
    box.kill().ok()
    box.await_status("stopped")
    assert oci.runtime("start", box.id).code == 1


def test_a_running_container_is_not_deleted_without_force(oci: Containers) -> None:
    box = oci.start()
    result = box.delete()
    assert result.code == 1
    assert result.stderr
    assert box.status() == "running"
    box.delete("--force").ok()
    oci.nothing_left(box.id)


def test_a_created_container_is_deleted_with_force(oci: Containers) -> None:
    box = oci.create(SLEEP)
    pid = box.pid
    box.delete("-f").ok()
    eventually(lambda: not Path(f"/proc/{pid}").exists(), what="the end of the init process")
    oci.nothing_left(box.id)


def test_what_does_not_exist_can_be_deleted_with_force_only(oci: Containers) -> None:
    assert oci.runtime("delete", "nobody").code == 1
    oci.runtime("delete", "--force", "nobody").ok()


@pytest.mark.lacks("crun", "waits as the first process of a pid namespace, which gets no such signal")
def test_what_waits_for_its_start_ends_when_it_is_asked_to(oci: Containers) -> None:
    box = oci.create(SLEEP)
    box.kill("TERM").ok()
    box.await_status("stopped")


@pytest.mark.lacks("crun", "kills the payload alone")
@pytest.mark.lacks("runc<1.2", "kills the payload alone")
@pytest.mark.parametrize("gone", [False, True])
def test_kill_reaches_all_where_no_pid_namespace_does(oci: Containers, *, gone: bool) -> None:
    box = oci.start({"linux.namespaces": namespaces("pid")})
    oci.runtime("exec", "--detach", box.id, "/bin/sleep", "1000").ok()
    if gone:
        os.kill(box.pid, signal.SIGKILL)
        box.await_status("stopped")
    box.kill().ok()
    box.await_status("stopped")
    eventually(lambda: oci.runtime("ps", "-f", "json", box.id).stdout.strip() in ("[]", "null"), what="no process")


@pytest.mark.lacks("crun", "has no such option")
@pytest.mark.lacks("runc<1.2", "has no such option")
@pytest.mark.parametrize("verb", ["create", "exec"])
def test_a_pidfd_is_sent_to_a_socket(oci: Containers, place: Path, verb: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / "pidfd"))
        listener.listen()
        listener.settimeout(30)
        if verb == "create":
            pid = oci.create(None, "--pidfd-socket", place / "pidfd").pid
        else:
            box = oci.start()
            options = ("--detach", "--pid-file", place / "pid", "--pidfd-socket", place / "pidfd")
            oci.runtime("exec", *options, box.id, "/bin/sleep", "1000").ok()
            pid = int((place / "pid").read_text())
        connection, _address = listener.accept()
        with connection:
            _data, (fd, *_others), _flags, _sender = socket.recv_fds(connection, 4096, 1)
    try:
        told = Path(f"/proc/self/fdinfo/{fd}").read_text()
    finally:
        os.close(fd)
    assert f"Pid:\t{pid}\n" in told


@pytest.mark.parametrize("command", ["state", "start", "kill", "pause", "resume", "ps", "events", "update"])
def test_what_does_not_exist_is_told(oci: Containers, command: str) -> None:
    result = oci.runtime(command, "nobody")
    assert result.code != 0
    assert result.stderr


_LOWER_CASE = pytest.param("term", marks=pytest.mark.lacks("crun<1.9", "takes an unknown name for 0"))


@pytest.mark.parametrize("name", ["TERM", "SIGTERM", "15", _LOWER_CASE])
def test_a_signal_has_a_name_or_a_number(oci: Containers, name: str) -> None:
    box = oci.start(CATCHING).await_output("ready")
    box.kill(name).ok()
    box.await_output("caught").await_status("stopped")


def test_the_usual_signal_is_term(oci: Containers) -> None:
    box = oci.start(CATCHING).await_output("ready")
    oci.runtime("kill", box.id).ok()
    box.await_output("caught")


_ANY_TEXT = [
    pytest.param(name, marks=pytest.mark.lacks("crun<1.9", "takes an unknown name for 0"))
    for name in ("SIGNOTHING", "NaN", "1.5")
]


@pytest.mark.parametrize("name", ["-1", "99", *_ANY_TEXT])
def test_what_is_no_signal_is_refused(oci: Containers, name: str) -> None:
    box = oci.start()
    assert box.kill(name).code != 0
    assert box.status() == "running"


def test_a_created_container_can_be_killed(oci: Containers) -> None:
    box = oci.create(SLEEP)
    box.kill("KILL").ok()
    box.await_status("stopped").delete().ok()


def test_a_stopped_container_cannot_be_killed(oci: Containers) -> None:
    box = oci.start()
    box.kill().ok()
    box.await_status("stopped")
    result = box.kill()
    assert result.code == 1
    assert "not running" in result.stderr or "No such process" in result.stderr  # callers look for these


def test_kill_all_reaches_every_process(oci: Containers) -> None:
    """Without a pid namespace, as the kernel ends the others with the first process of one."""
    script = "sleep 1000 & sleep 1000 & echo ready; wait"
    box = oci.start(
        {"process.args": ["/bin/sh", "-c", script], "linux.namespaces": [{"type": "mount"}, {"type": "uts"}]}
    ).await_output("ready")
    pids = oci.runtime("ps", "--format", "json", box.id).ok().json()
    assert len(pids) == 3
    oci.runtime("kill", "--all", box.id, "KILL").ok()
    for pid in pids:
        eventually(partial(_ended, pid), what=f"the end of {pid}")
    box.await_status("stopped")


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_run_ends_as_the_payload_does(oci: Containers, code: int) -> None:
    result = oci.run({"process.args": ["/bin/sh", "-c", f"echo out; echo err >&2; exit {code}"]})
    assert (result.code, result.stdout, result.stderr) == (code, "out\n", "err\n")
    oci.nothing_left(oci.made[-1].id)


def test_run_tells_a_signal_as_shells_do(oci: Containers) -> None:
    box = oci.begin("run", SLEEP)
    eventually(lambda: oci.runtime("state", box.id).code == 0 and box.status() == "running", what="running")
    box.kill("KILL").ok()
    assert box.made.wait().code == 128 + signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_run_passes_signals_on(oci: Containers, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo caught; exit 3' {name}; echo ready; while :; do sleep 0.02; done"
    box = oci.begin("run", {"process.args": ["/bin/sh", "-c", script]}).await_output("ready")
    box.made.process.send_signal(number)
    result = box.made.wait()
    assert (result.code, result.stdout) == (3, "ready\ncaught\n")


def test_run_reads_the_callers_input(oci: Containers) -> None:
    read, write = os.pipe()
    box = oci.begin("run", {"process.args": ["/bin/cat"]}, stdin=read)
    os.close(read)
    os.write(write, b"through\n")
    os.close(write)
    assert box.made.wait().ok().stdout == "through\n"


def test_run_detached_returns_while_the_payload_runs(oci: Containers) -> None:
    box = oci.begin("run", SLEEP, "--detach")
    box.made.wait().ok()
    assert box.status() == "running"


@pytest.mark.lacks("crun<1.9", "has no such option")
def test_run_keeps_the_container_where_asked_to(oci: Containers) -> None:
    assert oci.run({}, "--keep").code == 0
    box = oci.made[-1]
    assert box.status() == "stopped"
    box.delete().ok()


def test_run_of_what_is_no_program_leaves_nothing(oci: Containers) -> None:
    result = oci.run({"process.args": ["/bin/no-such-program"]})
    assert result.code == 1
    assert "/bin/no-such-program" in result.stderr
    oci.nothing_left(oci.made[-1].id)


@pytest.mark.parametrize("verb", ["create", "run"])
def test_the_pid_file_has_the_init_process(oci: Containers, place: Path, verb: str) -> None:
    place = place / "pid"
    box = oci.begin(verb, SLEEP, "--pid-file", place, *(["--detach"] if verb == "run" else []))
    box.made.wait().ok()
    assert place.read_text() == str(box.pid)


def test_a_pid_file_that_cannot_be_written_undoes_the_creation(oci: Containers, place: Path) -> None:
    oci.refused(SLEEP, "--pid-file", place / "missing" / "pid")


_NULL = pytest.param("null", marks=pytest.mark.lacks("runc<1.2", "panics with exit code 2"))


@pytest.mark.parametrize("text", [None, "", "{", "[]", _NULL, '{"ociVersion": "1.0.2"}'])
def test_a_bundle_without_a_right_config_is_refused(oci: Containers, text: str | None) -> None:
    container_id = oci.fresh_id()
    if text is not None:
        (oci.bundle / "config.json").write_text(text)
    assert oci.runtime("create", "--bundle", oci.bundle, container_id).code == 1
    oci.nothing_left(container_id)


def test_a_bundle_that_does_not_exist_is_refused(oci: Containers, place: Path) -> None:
    result = oci.runtime("create", "--bundle", place / "missing", oci.fresh_id())
    assert result.code == 1
    assert "missing" in result.stderr


def test_an_unknown_option_makes_nothing(oci: Containers) -> None:
    result = oci.begin("create", SLEEP, "--no-such-option").made.wait()
    assert result.code != 0
    assert "no-such-option" in result.stderr + result.stdout
    assert not oci.state_files()


def test_two_containers_of_one_bundle_are_apart(oci: Containers) -> None:
    first, second = oci.start(), oci.start()
    assert first.pid != second.pid
    first.delete("--force").ok()
    assert second.status() == "running"


@pytest.mark.lacks("runc<1.2", "the one that is refused may delete the state of the other, whose process stays", run=False)
def test_of_two_creations_with_one_id_at_once_one_is_refused(oci: Containers) -> None:
    """The state directory is locked: the container is whole, and is the winner's."""
    container_id = oci.fresh_id()
    oci.configure(SLEEP, container_id)
    command = ("create", "--bundle", oci.bundle, container_id)
    both = [oci.runtime.begin(*command) for _ in range(2)]
    oci.made.append(Container(oci.runtime, container_id, oci.bundle, both[0]))
    assert sorted(bool(each.wait().code) for each in both) == [False, True]
    assert oci.made[-1].start().status() == "running"


def test_commands_at_once_see_a_whole_state(oci: Containers) -> None:
    box = oci.start()
    lookers = [oci.runtime.begin("state", box.id) for _ in range(8)]
    changer = oci.runtime.begin("kill", box.id, "KILL")
    assert changer.wait().code == 0
    assert {looker.wait().ok().json()["status"] for looker in lookers} <= {"running", "stopped"}
    box.await_status("stopped")


@pytest.mark.lacks("crun", "keeps its state in another form")
def test_the_state_is_kept_where_callers_look_for_it(oci: Containers) -> None:
    """In state.json of the directory of its id: which container, and which process."""
    box = oci.start()
    assert oci.runtime.root is not None
    kept = json.loads((oci.runtime.root / box.id / "state.json").read_text())
    assert kept["id"] == box.id
    assert box.pid in kept.values()
