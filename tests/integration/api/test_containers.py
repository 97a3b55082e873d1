"""Containers over HTTP, as curl would: a real daemon, real workers, every answer held against openapi.yaml."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon


async def test_a_plan_of_thousands_of_steps(api: Api, rootfs: Path) -> None:
    mounts = [{"type": "tmpfs", "target": "/tmp"}] * 2_500
    container = await api.create(rootfs, "/bin/true", mounts=mounts)
    assert len((await api.get(f"/v1/containers/{container}/timeline")).json["steps"]) > 2_500
    assert (await api.delete(f"/v1/containers/{container}")).status == 204


async def test_the_way_of_the_readme(api: Api, rootfs: Path) -> None:
    created = await api.post("/v1/containers", json={"rootfs": str(rootfs), "args": ["/bin/echo", "hi"], "name": "web"})
    assert created.status == 201
    container = created.json["id"]
    assert created.json["name"] == "web"
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    waited = await api.post("/v1/containers/web/wait")
    assert (waited.status, waited.json["exit_code"], waited.json["reason"]) == (200, 0, "exited")
    assert (await api.get(f"/v1/containers/{container[:6]}/logs")).body == b"hi\n"
    listed = (await api.get("/v1/containers")).json["containers"]
    assert [(item["name"], item["status"]) for item in listed] == [("web", "stopped")]
    assert (await api.delete(f"/v1/containers/{container}")).status == 204
    assert (await api.get("/v1/containers")).json == {"containers": []}


async def test_curl_needs_no_header(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """`curl -d` says that it sends a form."""
    process = await asyncio.create_subprocess_exec(
        *("curl", "-sS", "--unix-socket", str(daemon.socket), "http://localhost/v1/containers"),
        *("-d", json.dumps({"rootfs": str(rootfs), "args": ["/bin/true"]})),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    process._transport.close()  # type: ignore[attr-defined]
    assert (await api.delete(f"/v1/containers/{json.loads(output)['id']}")).status == 204


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("sh -c 'kill -9 $$'; exit $?", 137), ("exit 255", 255)])
async def test_exit_codes(api: Api, rootfs: Path, script: str, code: int) -> None:
    ended, _output = await api.run(rootfs, "/bin/sh", "-c", script)
    assert (ended["exit_code"], ended["reason"], ended["signal"]) == (code, "exited", None)


async def test_a_killed_payload_tells_its_signal(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await api.post(f"/v1/containers/{container}/start")
    assert (await api.post(f"/v1/containers/{container}/kill?signal=KILL")).status == 204
    ended = (await api.post(f"/v1/containers/{container}/wait")).json
    assert (ended["exit_code"], ended["reason"], ended["signal"]) == (137, "signaled", "SIGKILL")
    again = await api.post(f"/v1/containers/{container}/kill")
    again.error(409, "conflict", step="kill")
    assert (await api.delete(f"/v1/containers/{container}")).status == 204


async def test_stop_ends_a_payload_that_takes_no_notice(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done")
    await api.post(f"/v1/containers/{container}/start")
    stopped = await api.post(f"/v1/containers/{container}/stop?timeout=0.2")
    assert (stopped.status, stopped.json["signal"]) == (200, "SIGKILL")
    assert (await api.post(f"/v1/containers/{container}/stop")).json == stopped.json
    await api.delete(f"/v1/containers/{container}")


async def test_stop_lets_a_payload_end_by_itself(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done")
    await api.post(f"/v1/containers/{container}/start")
    while not (await api.get(f"/v1/containers/{container}/logs")).body:
        await asyncio.sleep(0.01)
    assert (await api.post(f"/v1/containers/{container}/stop?timeout=20")).json["exit_code"] == 5
    await api.delete(f"/v1/containers/{container}")


async def test_a_running_container_is_deleted_by_force_only(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await api.post(f"/v1/containers/{container}/start")
    (await api.delete(f"/v1/containers/{container}")).error(409, "conflict", step="delete")
    waiting = asyncio.create_task(api.post(f"/v1/containers/{container}/wait"))
    await asyncio.sleep(0)
    assert (await api.delete(f"/v1/containers/{container}?force=true")).status == 204
    assert (await waiting).json["signal"] == "SIGKILL"


async def test_one_that_was_never_started_is_deleted(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    assert (await api.get(f"/v1/containers/{container}")).json["status"] == "created"
    assert (await api.delete(f"/v1/containers/{container}")).status == 204


async def test_the_friendly_spec_in_full(api: Api, rootfs: Path, tmp_path: Path) -> None:
    (rootfs / "etc").mkdir()
    (rootfs / "etc/passwd").write_text("www:x:33:33::/srv/www:/bin/sh\n")
    (rootfs / "etc/group").write_text("www:x:33:\nlogs:x:40:www\n")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/file").write_text("from the host")
    script = (
        "id; pwd; hostname; echo $COLOUR $HOME; cat /mnt/file; echo; echo x >/mnt/file || echo ro-mount;"
        "echo x >/file || echo ro-root; cat /proc/self/cgroup | wc -l; ls /sys/class/net"
    )
    ended, output = await api.run(
        rootfs,
        *("/bin/sh", "-c", script),
        env={"COLOUR": "red"},
        cwd="/srv",
        user="www",
        hostname="box",
        read_only=False,
        mounts=[{"source": str(tmp_path / "shared"), "target": "/mnt", "options": ["ro"]}],
        resources={"pids": 20},
        network="private",
        labels={"tier": "front"},
    )
    assert ended["exit_code"] == 0, output
    lines = output.decode().splitlines()
    assert lines[0] == "uid=33(www) gid=33(www) groups=40(logs)"
    assert lines[1:5] == ["/srv", "box", "red /srv/www", "from the host"]
    assert "ro-mount" in lines
    assert "lo" in lines  # what the shell complains of, on the other stream, may come before or after it


@pytest.mark.parametrize(("network", "shown"), [("private", b"127.0.0.1"), ("none", b""), ("host", b"127.0.0.1")])
async def test_networks(api: Api, rootfs: Path, network: str, shown: bytes) -> None:
    (rootfs / "bin/ip").symlink_to("busybox")
    _ended, output = await api.run(rootfs, "/bin/ip", "-4", "address", "show", "lo", network=network)
    assert (shown in output) if shown else b"127.0.0.1" not in output


async def test_host_network_is_the_hosts(api: Api, rootfs: Path) -> None:
    (rootfs / "bin/readlink").symlink_to("busybox")
    host = os.readlink("/proc/self/ns/net").encode()
    assert host in (await api.run(rootfs, "/bin/readlink", "/proc/self/ns/net", network="host"))[1]
    assert host not in (await api.run(rootfs, "/bin/readlink", "/proc/self/ns/net"))[1]


async def test_the_pids_limit_holds(api: Api, rootfs: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done; echo all"
    _ended, output = await api.run(rootfs, "/bin/sh", "-c", script, resources={"pids": 5})
    assert b"can't fork" in output
    assert b"all" not in output


async def test_a_bundle_with_a_relative_root(api: Api, rootfs: Path) -> None:
    config = minimal_document(rootfs) | {"root": {"path": "rootfs"}}
    (rootfs.parent / "config.json").write_text(json.dumps(config))
    created = await api.post("/v1/containers", json={"bundle": str(rootfs.parent), "name": "bundled"})
    assert created.status == 201, created.body
    await finish(api, "bundled", b"from oci\n")


async def test_an_oci_document(api: Api, rootfs: Path) -> None:
    created = await api.post("/v1/containers", json={"oci": minimal_document(rootfs), "id": "mine"})
    assert created.json == {"id": "mine", "name": "mine"}
    await finish(api, "mine", b"from oci\n")


async def test_list_by_status_and_label(api: Api, rootfs: Path) -> None:
    one = await api.create(rootfs, "/bin/true", labels={"tier": "front", "a": ""})
    two = await api.create(rootfs, "/bin/true", labels={"tier": "back"})
    for query, found in (
        ("", [one, two]),
        ("?label=tier", [one, two]),
        ("?label=tier=front", [one]),
        ("?label=a&label=tier", [one]),
        ("?status=created", [one, two]),
        ("?status=running", []),
    ):
        listed = (await api.get(f"/v1/containers{query}")).json["containers"]
        assert [item["id"] for item in listed] == found, query
    for container in (one, two):
        await api.delete(f"/v1/containers/{container}")


async def test_inspect_tells_its_processes_and_how_long_it_runs(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", "-c", "sleep 100 & read line", stdin=True)
    url = f"/v1/containers/{container}"
    created = (await api.get(url)).json
    assert (created["pids"], created["running_s"]) == ([created["pid"]], None)
    await api.post(f"{url}/start")
    while len((one := (await api.get(url)).json)["pids"]) < 2:
        await asyncio.sleep(0.01)
    assert one["pid"] in one["pids"]
    assert 0 < one["running_s"] < (later := (await api.get(url)).json["running_s"])
    await api.request("PUT", f"{url}/stdin?close=true")
    ended = (await api.post(f"{url}/wait")).json
    assert ended["ran_s"] > later
    gone = (await api.get(url)).json
    assert (gone["pids"], gone["running_s"], gone["exit"]) == ([], None, ended)
    assert (await api.delete(url)).status == 204


async def test_an_exec_tells_how_long_it_runs(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sleep", "100")
    await api.post(f"/v1/containers/{container}/start")
    made = (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/cat"], "stdin": True})).json["id"]
    assert (await api.get(f"/v1/exec/{made}")).json["running_s"] is None
    await api.post(f"/v1/exec/{made}/start")
    running_s = (await api.get(f"/v1/exec/{made}")).json["running_s"]
    assert running_s > 0
    await api.request("PUT", f"/v1/exec/{made}/stdin?close=true")
    ended = (await api.post(f"/v1/exec/{made}/wait")).json
    assert ended["ran_s"] > running_s
    assert (await api.get(f"/v1/exec/{made}")).json["running_s"] is None
    await api.delete(f"/v1/containers/{container}?force=true")


async def test_inspect_tells_both_forms_of_the_spec(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true", env={"A": "1"}, annotations={"org.x": "y"})
    detail = (await api.get(f"/v1/containers/{container}")).json
    given = {"env": {"A": "1"}, "annotations": {"org.x": "y"}}
    assert detail["spec"] == {"rootfs": str(rootfs), "args": ["/bin/true"]} | given
    assert detail["oci"]["annotations"]["org.x"] == "y"
    assert "A=1" in detail["oci"]["process"]["env"]
    assert detail["oci"]["root"] == {"path": str(rootfs), "readonly": False}
    assert all(Path(path).is_dir() for path in detail["cgroup_paths"])
    assert str(detail["pid"]) in Path(detail["cgroup_paths"][0], "cgroup.procs").read_text().split()
    await api.delete(f"/v1/containers/{container}")
    assert not any(Path(path).exists() for path in detail["cgroup_paths"])


async def test_timeline_and_explain_show_the_same_steps(api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true")
    await api.post(f"/v1/containers/{container}/start")
    steps = (await api.get(f"/v1/containers/{container}/timeline")).json["steps"]
    explained = (await api.post("/v1/explain", json={"rootfs": str(rootfs), "args": ["/bin/true"]})).json
    in_worker = [step["step"] for step in steps if step["step"] not in ("lower", "prepare", "fork")]
    assert in_worker == [step["step"] for step in explained["steps"]][:-1]  # exec has no end in the worker
    assert {"pid", "mount", "network"} <= set(explained["namespaces"])
    assert all(step["duration_us"] >= 0 for step in steps)
    await api.post(f"/v1/containers/{container}/wait")
    await api.delete(f"/v1/containers/{container}")


async def test_explain_makes_nothing(api: Api, daemon: Daemon) -> None:
    answer = await api.post("/v1/explain", json={"rootfs": "/nowhere", "args": ["/bin/true"]})
    assert answer.status == 200
    assert list((daemon.state_dir / "containers").iterdir()) == []


async def test_events_tell_a_life(api: Api, rootfs: Path) -> None:
    await api.run(rootfs, "/bin/true", name="short")
    lines = (await api.get("/v1/events?since_id=0&follow=false")).body.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["type"] for event in events] == [
        f"container.{what}" for what in ("created", "started", "exited", "deleted")
    ]
    assert [event["seq"] for event in events] == [1, 2, 3, 4]
    assert events[2]["attributes"] == {"exit_code": "0", "reason": "exited"}
    rest = (await api.get("/v1/events?since_id=3&follow=false")).body.splitlines()
    assert rest == lines[3:]


async def test_events_are_followed(api: Api, rootfs: Path) -> None:
    async with api.session.get("http://localhost/v1/events") as stream:
        container = await api.create(rootfs, "/bin/true")
        assert json.loads(await stream.content.readline())["id"] == container
        await api.delete(f"/v1/containers/{container}")
        types = [json.loads(await stream.content.readline())["type"] for _ in range(3)]
    assert types == ["container.killed", "container.exited", "container.deleted"]


async def test_system_routes(api: Api, daemon: Daemon) -> None:
    assert (await api.get("/v1/_ping")).body == b"OK\n"
    assert (await api.get("/v1/version")).json["api_version"] == "1"
    info = (await api.get("/v1/info")).json
    assert info["daemon_pid"] == daemon.pid
    assert Path(f"/proc/{info['spawner_pid']}/comm").read_text() == "pyc:[0:SPAWN]\n"
    assert Path(f"/proc/{info['spawner_pid']}/task").stat().st_nlink == 3  # one thread
    assert info["state_dir"] == str(daemon.state_dir)


def minimal_document(rootfs: Path) -> dict[str, Any]:
    return {
        "ociVersion": "1.2.0",
        "root": {"path": str(rootfs)},
        "process": {"args": ["echo", "from oci"], "env": ["PATH=/bin"], "cwd": "/"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    }


async def finish(api: Api, container: str, output: bytes) -> None:
    assert (await api.post(f"/v1/containers/{container}/start")).status == 204
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    assert (await api.get(f"/v1/containers/{container}/logs")).body == output
    assert (await api.delete(f"/v1/containers/{container}")).status == 204


async def test_a_device_node_of_the_image_is_no_device(api: Api, rootfs: Path) -> None:
    os.mknod(rootfs / "disk", 0o666 | 0o020000, os.makedev(1, 5))  # /dev/zero, which the list of devices allows
    (rootfs / "bin/dd").symlink_to("busybox")
    ended, output = await api.run(rootfs, "/bin/dd", "if=/disk", "count=1")
    assert (ended["exit_code"], b"Permission denied" in output) == (1, True)
    assert (await api.run(rootfs, "/bin/dd", "if=/dev/zero", "of=/dev/null", "count=1"))[0]["exit_code"] == 0


async def test_limits_hold(api: Api, rootfs: Path) -> None:
    eat = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
    container = await api.create(rootfs, "/bin/sh", "-c", eat, resources={"memory_bytes": 16 << 20, "cpus": 0.5})
    detail = (await api.get(f"/v1/containers/{container}")).json
    quotas = [Path(path) / "cpu.cfs_quota_us" for path in detail["cgroup_paths"]]
    maxima = [Path(path) / "cpu.max" for path in detail["cgroup_paths"]]
    told = [path.read_text().split()[0] for path in (*quotas, *maxima) if path.exists()]
    assert told == ["50000"]
    await api.post(f"/v1/containers/{container}/start")
    ended = (await api.post(f"/v1/containers/{container}/wait")).json
    assert (ended["exit_code"], ended["signal"]) == (137, "SIGKILL")
    await api.delete(f"/v1/containers/{container}")
