"""Hooks: when each kind runs, where, with what on standard input, and what its failure undoes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oci.containers import Containers, eventually

AT_CREATE = ("prestart", "createRuntime", "createContainer")
SLEEP = {"process.args": ["/bin/sleep", "1000"]}


def hook(script: str, **more: Any) -> dict[str, Any]:
    """A hook that takes its input into $state first: crun may end by SIGPIPE where one has ended without."""
    return {"path": "/bin/sh", "args": ["sh", "-c", f"state=$(cat); {script}"], "env": ["PATH=/bin:/usr/bin"], **more}


def hooks(**kinds: list[dict[str, Any]]) -> dict[str, Any]:
    return {**SLEEP, "hooks": kinds}


def recording(place: Path, kind: str) -> dict[str, Any]:
    """A hook that leaves its standard input and its mount namespace behind."""
    target = "" if kind == "startContainer" else str(place)
    return hook(
        f'echo "$state" > {target}/{kind}.json; readlink /proc/self/ns/mnt > {target}/{kind}.ns; '
        f"echo {kind} >> {target}/order"
    )


@pytest.mark.parametrize("kind", AT_CREATE)
def test_it_runs_at_creation(oci: Containers, place: Path, kind: str) -> None:
    box = oci.create(hooks(**{kind: [recording(place, kind)]}))
    state = json.loads((place / f"{kind}.json").read_text())
    assert state["id"] == box.id
    assert state["pid"] == box.pid or kind == "createContainer"  # there it may be that of the container's own namespace
    assert state["bundle"] == str(oci.bundle)
    assert state["status"] in ("creating", "created")


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_it_runs_in_the_callers_namespaces(oci: Containers, place: Path, kind: str) -> None:
    box = oci.create(hooks(**{kind: [recording(place, kind)]}))
    assert (place / f"{kind}.ns").read_text().strip() != Path(f"/proc/{box.pid}/ns/mnt").readlink().name
    assert (place / f"{kind}.ns").read_text().strip() == str(Path("/proc/self/ns/mnt").readlink())


def test_create_container_runs_in_the_containers_namespaces_before_its_root(oci: Containers, place: Path) -> None:
    box = oci.create(hooks(createContainer=[recording(place, "createContainer")]))
    assert (place / "createContainer.ns").read_text().strip() == str(Path(f"/proc/{box.pid}/ns/mnt").readlink())


def test_start_container_runs_in_the_container_at_start(oci: Containers, place: Path) -> None:
    box = oci.create(hooks(startContainer=[recording(place, "startContainer")]))
    assert not (oci.rootfs / "order").exists()
    box.start()
    eventually((oci.rootfs / "order").exists, what="the hook")
    assert json.loads((oci.rootfs / "startContainer.json").read_text())["id"] == box.id


@pytest.mark.lacks("runc", "runs it at creation")
def test_poststart_runs_after_start(oci: Containers, place: Path) -> None:
    box = oci.create(hooks(poststart=[recording(place, "poststart")]))
    assert not (place / "order").exists()
    box.start()
    assert json.loads((place / "poststart.json").read_text())["status"] == "running"


@pytest.mark.lacks("runc", "runs it at creation")
def test_poststart_is_told_of_what_was_started_though_it_has_ended(oci: Containers, place: Path) -> None:
    box = oci.create({"process.args": ["/bin/true"], "hooks": {"poststart": [recording(place, "poststart")]}})
    pid = box.pid
    box.start()
    told = json.loads((place / "poststart.json").read_text())
    assert (told["status"], told["pid"]) == ("running", pid)


@pytest.mark.lacks("runc", "runs it at creation")
@pytest.mark.lacks("crun<1.27", "goes on")
def test_a_failing_poststart_hook_ends_the_container(oci: Containers) -> None:
    box = oci.create(hooks(poststart=[hook("exit 7")]))
    assert oci.runtime("start", box.id).code != 0
    assert oci.runtime("state", box.id).code != 0
    oci.nothing_left(box.id)


@pytest.mark.lacks("crun<1.27", "goes on", run=False)
def test_a_failing_poststart_hook_fails_a_run(oci: Containers) -> None:
    """Though who runs a container is the parent of orphans, which it reaps: a hook is none."""
    box = oci.begin("run", hooks(poststart=[hook("exit 7", timeout=10)]))
    assert box.made.wait().code == 1
    oci.nothing_left(box.id)


@pytest.mark.lacks("runc", "tells that it is being created")
def test_prestart_is_told_that_the_container_is_created(oci: Containers, place: Path) -> None:
    oci.create(hooks(prestart=[recording(place, "prestart")]))
    assert json.loads((place / "prestart.json").read_text())["status"] == "created"


def test_poststop_runs_at_delete(oci: Containers, place: Path) -> None:
    box = oci.start(hooks(poststop=[recording(place, "poststop")]))
    box.kill().ok()
    box.await_status("stopped")
    assert not (place / "order").exists()
    box.delete().ok()
    state = json.loads((place / "poststop.json").read_text())
    assert (state["id"], state["status"]) == (box.id, "stopped")


def test_poststop_runs_when_the_container_is_forced_away(oci: Containers, place: Path) -> None:
    oci.start(hooks(poststop=[recording(place, "poststop")])).delete("--force").ok()
    assert (place / "order").read_text() == "poststop\n"


def test_all_run_in_order(oci: Containers, place: Path) -> None:
    kinds = ("prestart", "createRuntime", "createContainer", "poststart", "poststop")
    asked = {kind: [hook(f"echo {kind} {number} >> {place}/order") for number in (1, 2)] for kind in kinds}
    oci.start(hooks(**asked)).delete("--force").ok()
    expected = [f"{kind} {number}" for kind in kinds for number in (1, 2)]
    assert (place / "order").read_text().splitlines() == expected


def test_its_environment_is_its_own(oci: Containers, place: Path) -> None:
    oci.create(hooks(prestart=[hook(f"env > {place}/env", env=["PATH=/bin:/usr/bin", "ONE=1"])]), env={"LEAK": "1"})
    told = (place / "env").read_text().splitlines()
    assert "ONE=1" in told
    assert "LEAK=1" not in told


@pytest.mark.parametrize("kind", AT_CREATE)
def test_a_failing_hook_undoes_the_creation(oci: Containers, place: Path, kind: str) -> None:
    message = oci.refused(hooks(**{kind: [hook("exit 7")]}))
    assert message


def test_a_failing_start_hook_undoes_the_start(oci: Containers) -> None:
    box = oci.create(hooks(startContainer=[hook("exit 7")]))
    oci.runtime("start", box.id)
    eventually(lambda: not _runs(oci, box.id), what="the end of the container")


@pytest.mark.lacks("runc<1.1", "has the runtime's environment")
def test_a_start_hook_without_environment_has_the_payloads(oci: Containers) -> None:
    changes = {"process.env": ["PATH=/bin", "ONE=two"], "process.args": ["/bin/cat", "/env"]}
    told = (
        oci.run(hooks(startContainer=[{"path": "/bin/sh", "args": ["sh", "-c", "env > /env"]}]) | changes)
        .ok()
        .stdout.splitlines()
    )
    assert {"ONE=two", "HOME=/root"} <= set(told)


@pytest.mark.lacks("crun", "loads it later")
@pytest.mark.parametrize("early", [True, False])
def test_a_start_hook_runs_under_the_filter(oci: Containers, *, early: bool) -> None:
    rules = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL"}]
    changes = hooks(startContainer=[{"path": "/bin/mkdir", "args": ["mkdir", "/tmp/made"]}]) | {
        "process.noNewPrivileges": not early,
        "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules},
    }
    told = oci.run(changes)
    assert told.code != 0
    assert "bad system call" in told.stderr
    assert not (oci.rootfs / "tmp/made").exists()


@pytest.mark.lacks("crun", "begins in the runtime's directory", some=True)
def test_a_create_container_hook_begins_in_the_root(oci: Containers) -> None:
    oci.create(hooks(createContainer=[hook("pwd > place")]))
    assert (oci.rootfs / "place").read_text().strip() == str(oci.rootfs)


def _runs(oci: Containers, container_id: str) -> bool:
    told = oci.runtime("state", container_id)
    return told.code == 0 and told.json()["status"] != "stopped"


@pytest.mark.lacks("crun<1.27", "tells nobody")
@pytest.mark.lacks("runc", "leaves out those that follow")
def test_a_poststop_that_fails_is_told_of_and_hinders_nothing(oci: Containers, place: Path) -> None:
    failing = oci.start(hooks(poststop=[hook("exit 3"), recording(place, "poststop")]))
    failing.kill("KILL").ok()
    failing.await_status("stopped")
    assert "hook" in failing.delete().ok().stderr
    assert (place / "order").read_text() == "poststop\n"
    oci.nothing_left(failing.id)


@pytest.mark.lacks("crun", "does not run it")
def test_poststop_runs_after_a_failed_creation(oci: Containers, place: Path) -> None:
    oci.refused(hooks(createRuntime=[hook("exit 1")], poststop=[recording(place, "poststop")]))
    assert (place / "order").read_text() == "poststop\n"


def test_a_hook_has_a_time_limit(oci: Containers) -> None:
    """Without it, the command would not end before its own deadline in these tests."""
    oci.refused(hooks(prestart=[hook("exec sleep 1000", timeout=1)]))


def test_a_hook_that_is_not_there_undoes_the_creation(oci: Containers) -> None:
    assert oci.refused(hooks(createRuntime=[{"path": "/no/such/hook"}]))


@pytest.mark.parametrize("value", [{"path": "relative"}, {"path": "/bin/true", "timeout": -1}, {"args": ["x"]}])
def test_a_wrong_hook_is_refused(oci: Containers, value: dict[str, Any]) -> None:
    oci.refused(hooks(createRuntime=[value]))
