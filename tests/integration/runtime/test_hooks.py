"""Hooks: when each runs, where, with what on its standard input, and what becomes of one that fails."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError, DeadlineExceeded, InvalidArgument
from tests.integration.runtime.workshop import Workshop

MOMENTS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")


@pytest.fixture
def hook(shop: Workshop, rootfs: Path) -> Any:
    """Return a function that makes a hook of a shell script, which is there for the host and for the container."""
    count = iter(range(100))

    def make(script: str, **more: Any) -> dict[str, Any]:
        name = f"hook{next(count)}"
        for folder in (rootfs, shop.bundle):
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        return {"path": str(shop.bundle / name), "env": ["PATH=/bin:/usr/bin"], **more}

    return make


def test_each_at_its_moment_with_the_state(shop: Workshop, rootfs: Path, hook: Any) -> None:
    log = rootfs / "log"
    hooks = {moment: [hook(f"echo {moment} $(cat) >>{log}")] for moment in MOMENTS}
    hooks["startContainer"] = [hook("echo startContainer $(cat) >>/log") | {"path": "/hook6"}]
    container = shop.create({"process.args": ["sleep", "60"], "hooks": hooks, "annotations": {"a": "b"}})
    pid = container.pid
    assert [line.split()[0] for line in log.read_text().splitlines()] == ["prestart", "createRuntime", "createContainer"]
    container.start()
    container.destroy(force=True)
    told = [line.split(" ", 1) for line in log.read_text().splitlines()]
    assert [moment for moment, _state in told] == list(MOMENTS)
    states = [json.loads(state) for _moment, state in told]
    assert [state["status"] for state in states] == ["created", "creating", "creating", "created", "running", "stopped"]
    assert {state.get("pid") for state in states[:4]} == {pid}
    assert {(state["id"], state["bundle"], state["annotations"]["a"]) for state in states} == {
        ("box", str(shop.bundle), "b")
    }


def test_poststart_is_told_of_what_was_started_though_it_has_ended(shop: Workshop, hook: Any) -> None:
    out = shop.bundle / "out"
    container = shop.create({"process.args": ["true"], "hooks": {"poststart": [hook(f"sleep 0.2; cat >{out}")]}})
    pid = container.pid
    container.start()
    told = json.loads(out.read_text())
    assert (told["status"], told["pid"]) == ("running", pid)


def test_where_each_runs(shop: Workshop, rootfs: Path, hook: Any) -> None:
    out = shop.bundle / "out"
    out.mkdir()
    moments = MOMENTS[:3]
    hooks = {moment: [hook(f"readlink /proc/self/ns/mnt >{out}/{moment}")] for moment in moments}
    container = shop.create({"hooks": hooks})
    seen = {moment: (out / moment).read_text().strip() for moment in moments}
    host, inside = os.readlink("/proc/self/ns/mnt"), os.readlink(f"/proc/{container.pid}/ns/mnt")
    assert seen == {"prestart": host, "createRuntime": host, "createContainer": inside}


def test_arguments_and_nothing_of_ours_in_the_environment(shop: Workshop, hook: Any) -> None:
    out = shop.bundle / "out"
    made = hook(f'echo "$0 $1" >{out}; env >>{out}', args=["named", "first"], env=["PATH=/bin:/usr/bin", "COLOUR=red"])
    made["path"] = "/bin/sh"
    made["args"] = ["named", "-c", f"echo $0 $1 >{out}; env >>{out}; pwd >>{out}", "zero", "one"]
    shop.create({"hooks": {"createRuntime": [made]}})
    first, *rest = out.read_text().splitlines()
    assert first == "zero one"
    assert set(rest) - {"_=/usr/bin/env", "_=/bin/env"} == {"PATH=/bin:/usr/bin", "COLOUR=red", "PWD=/", "/"}


@pytest.mark.parametrize("moment", ["prestart", "createRuntime", "createContainer"])
def test_one_that_fails_undoes_the_creation(shop: Workshop, hook: Any, moment: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        shop.create({"hooks": {moment: [hook("echo no luck >&2; exit 3")]}})
    assert caught.value.step == "hooks"
    assert moment in caught.value.message
    assert "hook failed with exit code 3" in caught.value.message
    assert "no luck" in caught.value.message
    assert not (shop.bundle / "state").exists()


def test_one_that_fails_at_start_ends_the_container(shop: Workshop, hook: Any) -> None:
    made = hook("echo no luck; exit 3")
    container = shop.create({"hooks": {"startContainer": [made | {"path": "/" + os.path.basename(made["path"])}]}})
    with pytest.raises(InvalidArgument, match=r"startContainer.*with exit code 3: no luck"):
        container.start()
    assert container.wait().code == 1


@pytest.mark.parametrize("moment", ["createRuntime", "createContainer"])
def test_one_that_hangs_is_killed(shop: Workshop, hook: Any, moment: str) -> None:
    with pytest.raises(ContainerdError, match="did not end in 1 s, and was killed") as caught:
        shop.create({"hooks": {moment: [hook("sleep 60", timeout=1)]}})
    assert isinstance(caught.value, DeadlineExceeded)


def test_one_that_is_missing(shop: Workshop) -> None:
    with pytest.raises(
        InvalidArgument, match=r"'/no/such' \(hooks\.createRuntime\.0\): error running createRuntime hook #0: No such file"
    ):
        shop.create({"hooks": {"createRuntime": [{"path": "/no/such"}]}})


def test_one_that_fails_after_the_start_ends_the_container(shop: Workshop, hook: Any) -> None:
    out = shop.bundle / "out"
    failing = {"poststart": [hook("exit 3"), hook(f"echo second >{out}")], "poststop": [hook(f"cat >{out}")]}
    container = shop.create({"process.args": ["sleep", "60"], "hooks": failing})
    with pytest.raises(InvalidArgument, match=r"poststart hook #0: poststart hook failed with exit code 3"):
        container.start()
    assert json.loads(out.read_text())["status"] == "stopped"
    assert not (shop.bundle / "state").exists()


def test_the_end_cannot_be_undone(shop: Workshop, hook: Any) -> None:
    with shop.create({"hooks": {"poststop": [hook("exit 3")]}}) as container:
        container.start()
        assert container.wait().code == 0


@pytest.mark.parametrize("moment", ["createRuntime", "createContainer"])
def test_a_life_that_began_with_hooks_ends_with_them(shop: Workshop, hook: Any, moment: str) -> None:
    out = shop.bundle / "out"
    with pytest.raises(ContainerdError):
        shop.create({"hooks": {moment: [hook("exit 3")], "poststop": [hook(f"cat >{out}")]}})
    assert json.loads(out.read_text())["status"] == "stopped"
