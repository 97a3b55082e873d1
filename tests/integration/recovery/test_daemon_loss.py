"""The daemon is killed, and comes back: no container, byte or exit code is lost."""

import asyncio
import json
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientPayloadError

from containerd_py.runtime.init import dialogue
from containerd_py.runtime.spawner import protocol
from tests.integration.api_client import BASE, Api
from tests.integration.daemon_process import Daemon
from tests.integration.mounted import mounted
from tests.unit.store.small_disk import use_up_inodes

PROTOCOL = "v5.channel.k8s.io"


async def start(api: Api, rootfs: Path, *args: str, **fields: Any) -> str:
    container = await api.create(rootfs, *args, **fields)
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    return container


async def restart(daemon: Daemon) -> None:
    daemon.kill()
    daemon.start()
    await daemon.answering()


async def output_of(api: Api, container: str, least: int) -> bytes:
    """Wait until there are that many lines of output."""
    async with asyncio.timeout(30):
        while (body := (await api.get(f"/v1/containers/{container}/logs")).body).count(b"\n") < least:
            await asyncio.sleep(0.01)
    return body


async def remove(api: Api, container: str) -> None:
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204


def taken_from_spawner(path: Path, container: str, name: str) -> socket.socket:
    """Do as a daemon does that comes back, and return what the spawner keeps for a container, as a socket that blocks."""
    found: list[int] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(str(path))
        while True:
            message, fds = protocol.receive(connection)
            assert message is not None
            if message["op"] == "ready":
                break
            names = ["pidfd", *message.get("keep", ())]
            for one, fd in zip(names, fds, strict=False):
                if message.get("id") == container and one == name:
                    found.append(fd)
                else:
                    os.close(fd)
    taken = socket.socket(fileno=found[0])
    taken.setblocking(True)  # noqa: FBT003 - the socket's own signature
    return taken


def counting(lines: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(1, lines + 1))


async def test_a_counter_loses_no_line_and_keeps_its_exit_code(daemon: Daemon, rootfs: Path) -> None:
    script = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit 42"
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", script)
        await output_of(api, container, 10)
    for _ in range(3):
        await restart(daemon)
        async with daemon.api() as api:
            seen = await output_of(api, container, 20)
            assert counting(300).startswith(seen)
    async with daemon.api() as api:
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 42
        assert (await api.get(f"/v1/containers/{container}/logs")).body == counting(300)
        await remove(api, container)


async def test_an_exit_while_nobody_looks(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", "read a; echo $a; exit 9", stdin=True)
        pid = (await api.get(f"/v1/containers/{container}")).json["pid"]
        pidfd = os.pidfd_open(pid)
    daemon.kill()
    os.close(pidfd)
    # The spawner holds the writing end of stdin too: the payload still waits.
    assert Path(f"/proc/{pid}").exists()
    os.kill(pid, signal.SIGKILL)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        ended = (await api.post(f"/v1/containers/{container}/wait")).json
        assert (ended["exit_code"], ended["signal"]) == (137, "SIGKILL")
        await remove(api, container)


async def test_input_goes_on(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/cat", stdin=True)
    await restart(daemon)
    async with daemon.api() as api:
        async with api.session.ws_connect(f"{BASE}/v1/containers/{container}/attach", protocols=(PROTOCOL,)) as socket:
            await socket.send_bytes(b"\0after the restart\n")
            assert (await socket.receive(timeout=30)).data == b"\x01after the restart\n"
            await socket.send_bytes(b"\xff\0")
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
        await remove(api, container)


async def test_a_terminal_goes_on(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/cat", terminal=True)
    await restart(daemon)
    async with daemon.api() as api:
        assert (await api.post(f"/v1/containers/{container}/resize?rows=3&columns=4")).status == 204
        async with api.session.ws_connect(f"{BASE}/v1/containers/{container}/attach", protocols=(PROTOCOL,)) as socket:
            await socket.send_bytes(b"\0typed\n")
            assert (await socket.receive(timeout=30)).data.startswith(b"\x01typed\r\n")
        await remove(api, container)


async def test_a_created_container_can_be_started_afterwards(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/echo", "later", name="waiting")
    await restart(daemon)
    async with daemon.api() as api:
        detail = (await api.get("/v1/containers/waiting")).json
        assert (detail["status"], detail["id"]) == ("created", container)
        assert (await api.post("/v1/containers/waiting/start")).status == 204
        assert (await api.post("/v1/containers/waiting/wait")).json["exit_code"] == 0
        assert (await api.get("/v1/containers/waiting/logs")).body == b"later\n"
        steps = (await api.get("/v1/containers/waiting/timeline")).json["steps"]
        assert {step["phase"] for step in steps} == {"create", "start"}
        await remove(api, container)


async def test_what_has_ended_stays_known(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", "echo out; exit 7", name="done", labels={"a": "b"})
        await api.post("/v1/containers/done/wait")
        before = (await api.get("/v1/containers/done")).json
    await restart(daemon)
    async with daemon.api() as api:
        assert (await api.get("/v1/containers/done")).json == before
        assert (await api.get("/v1/containers/done/logs")).body == b"out\n"
        (await api.post("/v1/containers", json={"rootfs": "/r", "args": ["a"], "name": "done"})).error(409, "conflict")
        await remove(api, container)


async def test_sigterm_leaves_containers_alone(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", "read a; echo $a", stdin=True)
        following = await api.session.get(f"{BASE}/v1/containers/{container}/logs?follow=true")
        socket = await api.session.ws_connect(f"{BASE}/v1/containers/{container}/attach", protocols=(PROTOCOL,))
        assert daemon.stop() == 0  # no stream keeps it from stopping
        message = await socket.receive(timeout=30)
        assert (message.data, socket.close_code) == (1001, 1001)
        with pytest.raises(ClientPayloadError):  # the container goes on: this was not the end of its output
            await following.content.read()
        following.close()
        await socket.close()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
        await remove(api, container)


async def test_a_creation_that_was_cut_off_is_undone(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/sleep", "100")
        detail = (await api.get(f"/v1/containers/{container}")).json
    daemon.kill()
    record = daemon.state_dir / "containers" / container / "state.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"status": "creating"}))
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get("/v1/containers")).json["containers"] == []
    async with asyncio.timeout(30):
        while Path(f"/proc/{detail['pid']}").exists():
            await asyncio.sleep(0.01)
    assert not record.parent.exists()
    assert not any(Path(path).exists() for path in detail["cgroup_paths"])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 99}', b"\xff" * 100])
async def test_a_record_that_cannot_be_read_costs_only_itself(daemon: Daemon, rootfs: Path, content: bytes) -> None:
    async with daemon.api() as api:
        broken = await start(api, rootfs, "/bin/sleep", "100")
        whole = await start(api, rootfs, "/bin/sleep", "100", name="whole")
    daemon.kill()
    (daemon.state_dir / "containers" / broken / "state.json").write_bytes(content)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get("/v1/containers/whole")).json["status"] == "running"
        found = (await api.get(f"/v1/containers/{broken}")).json
        assert (found["status"], found["rootfs"]) == ("running", str(rootfs))
        assert (await api.post(f"/v1/containers/{broken}/kill")).status == 204
        assert (await api.post(f"/v1/containers/{broken}/wait")).json["exit_code"] == 137
        await remove(api, broken)
        await remove(api, whole)
    assert len(list((daemon.state_dir / "quarantine").iterdir())) == 1
    assert "record set aside" in daemon.log
    daemon.expect_errors()


@pytest.mark.parametrize(
    "change", [{"process": None}, {"process": []}, {"linux": 1}, {"process": {"args": 1}}, {"root": 1}]
)
@pytest.mark.parametrize("state", ["whole", "unreadable"])
async def test_a_document_of_the_wrong_shape_costs_only_its_own_container(
    daemon: Daemon, rootfs: Path, state: str, change: dict[str, Any]
) -> None:
    async with daemon.api() as api:
        broken = await start(api, rootfs, "/bin/sleep", "100")
    daemon.kill()
    folder = daemon.state_dir / "containers" / broken
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    if state == "unreadable":
        (folder / "state.json").write_text("{")
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        (found,) = (await api.get("/v1/containers")).json["containers"]
        assert (found["id"], found["status"]) == (broken, "running")
        assert (await api.post(f"/v1/containers/{broken}/kill")).status == 204
        assert (await api.post(f"/v1/containers/{broken}/wait")).json["exit_code"] == 137
    daemon.kill()
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:  # what was rebuilt comes back as it is
        assert (await api.get(f"/v1/containers/{broken}")).json["exit"]["exit_code"] == 137
        await remove(api, broken)
    assert len(list((daemon.state_dir / "quarantine").iterdir())) == 1
    daemon.expect_errors()


async def test_leftovers_without_a_record_are_removed(daemon: Daemon, rootfs: Path) -> None:
    async with daemon.api() as api:
        container = await start(api, rootfs, "/bin/sh", "-c", "echo x; sleep 100")
        await output_of(api, container, 1)
        detail = (await api.get(f"/v1/containers/{container}")).json
    daemon.kill()
    shutil.rmtree(daemon.state_dir / "containers" / container)
    daemon.start()
    await daemon.answering()
    async with asyncio.timeout(30):
        while Path(f"/proc/{detail['pid']}").exists():
            await asyncio.sleep(0.01)
    assert not any(Path(path).exists() for path in detail["cgroup_paths"])
    assert list((daemon.data_dir / "containers").iterdir()) == []


async def test_what_others_have_put_beside_the_output_keeps_no_daemon_from_starting(daemon: Daemon) -> None:
    daemon.stop()
    ours, theirs = daemon.data_dir / "containers" / "gone" / "output", daemon.data_dir / "containers" / "README"
    notes, busy = ours.with_name("notes"), daemon.data_dir / "execs" / "gone" / "output"
    ours.parent.mkdir(parents=True)
    busy.mkdir(parents=True)  # a directory, which unlink(2) does not remove
    kept = daemon.data_dir / "removed" / "README"
    for file in (ours, theirs, notes, kept):
        file.write_text("x")
    daemon.start()
    await daemon.answering()
    assert (ours.exists(), theirs.read_text(), notes.read_text()) == (False, "x", "x")
    assert "cannot remove output that is no container's" in daemon.log


async def test_a_process_without_a_record_is_found_on_a_full_disk(daemon: Daemon, rootfs: Path) -> None:
    daemon.stop()
    with mounted("tmpfs", daemon.state_dir, "mode=0700,nr_inodes=500"):
        daemon.start()
        await daemon.answering()
        async with daemon.api() as api:
            container = await start(api, rootfs, "/bin/sleep", "100")
        daemon.kill()
        (daemon.state_dir / "containers" / container / "state.json").write_bytes(b"{")
        use_up_inodes(str(daemon.state_dir))
        daemon.start()
        await daemon.answering()
        async with daemon.api() as api:
            assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
            assert (await api.post(f"/v1/containers/{container}/kill")).status == 204
            assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 137
            await remove(api, container)
        daemon.expect_errors()
        daemon.stop()
    daemon.start()
    await daemon.answering()


async def test_a_start_that_was_not_recorded(daemon: Daemon, rootfs: Path) -> None:
    """Killed between START and the record: the control socket tells that the payload runs."""
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/sleep", "100")
    record = daemon.state_dir / "containers" / container / "state.json"
    before = record.read_bytes()
    async with daemon.api() as api:
        await api.post(f"/v1/containers/{container}/start")
    daemon.kill()
    record.write_bytes(before)
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
        await remove(api, container)


async def test_a_start_that_was_heard_of_and_not_recorded(daemon: Daemon, rootfs: Path) -> None:
    """Killed with the worker's last word in its hands: what is left of it is the end of the control socket."""
    async with daemon.api() as api:
        container = await api.create(rootfs, "/bin/sleep", "100")
    daemon.kill()
    with taken_from_spawner(daemon.state_dir / "spawner.sock", container, "control") as control:
        dialogue.send_start(control)
        while dialogue.receive(control)[0] is not None:
            pass
    daemon.start()
    await daemon.answering()
    async with daemon.api() as api:
        assert (await api.get(f"/v1/containers/{container}")).json["status"] == "running"
        await remove(api, container)


async def test_a_second_daemon_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    second = Daemon(tmp_path / "daemon")
    second.socket = tmp_path / "daemon/other.sock"
    second.start()
    assert second.wait() == 1
    assert "another daemon has it" in second.log
    third = Daemon(tmp_path / "daemon")
    third.state_dir = tmp_path / "daemon/other-state"
    third.data_dir = tmp_path / "daemon/other-data"
    third.start()
    assert third.wait() == 1
    assert "a daemon listens there already" in third.log
    third.end_spawner()


async def test_records_that_contradict_each_other_or_make_no_sense_cost_only_themselves(
    daemon: Daemon, rootfs: Path
) -> None:
    async with daemon.api() as api:
        first, second, third = [await start(api, rootfs, "/bin/sleep", "100", name=name) for name in ("a", "b", "c")]
        waiting = await api.create(rootfs, "/bin/true", name="waiting")
    daemon.kill()
    records = daemon.state_dir / "containers"
    for container, name in ((first, "c"), (second, third)):
        state = records / container / "state.json"
        state.write_text(json.dumps(json.loads(state.read_text()) | {"name": name}))
    (records / waiting / "config.json").write_text("{}")
    daemon.start()
    await daemon.answering()
    daemon.expect_errors()
    async with daemon.api() as api:
        names = {one["id"]: one["name"] for one in (await api.get("/v1/containers")).json["containers"]}
        assert names[second] == second
        assert sorted((names[first], names[third])) in (sorted(("c", third)), sorted(("c", first)))
        (await api.post("/v1/containers/waiting/start")).error(409, "conflict", step="start")
        for container in (first, second, third, waiting):
            await remove(api, container)


async def test_what_could_not_be_recorded_is_found_by_the_next_daemon(daemon: Daemon, rootfs: Path) -> None:
    """The disk takes nothing more: start and end are told all the same, by this daemon and by the next."""
    async with daemon.api() as api:
        ending = await api.create(rootfs, "/bin/sh", "-c", "echo x; exit 7")
        running = await api.create(rootfs, "/bin/sleep", "100")
        obstacles = [daemon.state_dir / "containers" / container / "state.json.new" for container in (ending, running)]
        for obstacle in obstacles:
            obstacle.mkdir()
        for container in (ending, running):
            assert (await api.post(f"/v1/containers/{container}/start")).status == 204
        assert (await api.post(f"/v1/containers/{ending}/wait")).json["exit_code"] == 7
        assert (await api.get(f"/v1/containers/{running}")).json["status"] == "running"
    daemon.kill()
    for obstacle in obstacles:
        obstacle.rmdir()
    daemon.start()
    await daemon.answering()
    daemon.expect_errors()
    async with daemon.api() as api:
        assert (await api.post(f"/v1/containers/{ending}/wait")).json["exit_code"] == 7
        assert (await api.get(f"/v1/containers/{ending}/logs")).body == b"x\n"
        assert (await api.get(f"/v1/containers/{running}")).json["status"] == "running"
        await remove(api, ending)
        await remove(api, running)


async def met(spawner: int, before: int) -> None:
    """Wait until a daemon is connected to it, by its descriptors; before: so many it had with the one that was killed."""
    async with asyncio.timeout(30):
        for connected in (False, True):
            while (len(os.listdir(f"/proc/{spawner}/fd")) == before) is not connected:
                await asyncio.sleep(0.001)


async def test_ends_while_the_next_daemon_looks_around(daemon: Daemon, rootfs: Path) -> None:
    """What the spawner tells between its inventory and the moment when a container is known again is not lost."""
    async with daemon.api() as api:
        waiting = [await api.create(rootfs, "/bin/true", id=f"a{number}") for number in range(10)]  # it asks their workers
        containers = [await start(api, rootfs, "/bin/sleep", "1000", id=f"b{number}") for number in range(10)]
        pids = [(await api.get(f"/v1/containers/{container}")).json["pid"] for container in containers]
        spawner = (await api.get("/v1/info")).json["spawner_pid"]
    before = len(os.listdir(f"/proc/{spawner}/fd"))
    daemon.kill()
    daemon.start()
    await met(spawner, before)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    await daemon.answering()
    async with daemon.api() as api:
        for container in containers:
            async with asyncio.timeout(30):
                assert (await api.post(f"/v1/containers/{container}/wait")).json["signal"] == "SIGKILL"
        for container in (*waiting, *containers):
            await remove(api, container)
