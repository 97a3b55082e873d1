"""Templates, docker's words and pictures against a real daemon."""

import asyncio
import json
import os
import pty
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.integration.api_client import Api
from tests.integration.cli.test_pyctr import PYCTR, at_terminal, end, pyctr
from tests.integration.daemon_process import Daemon

MOUNTS = "proc:/proc:true tmpfs:/dev:true devpts:/dev/pts:true tmpfs:/dev/shm:true mqueue:/dev/mqueue:true sysfs:/sys:false"


async def running(api: Api, rootfs: Path, name: str, *args: str, **fields: object) -> str:
    container: str = await api.create(rootfs, *(args or ("/bin/sleep", "100")), name=name, **fields)
    await api.post(f"/v1/containers/{container}/start")
    return container


async def check(daemon: Daemon, cases: dict[tuple[str, ...], str]) -> None:
    for words, text in cases.items():
        ended = await pyctr(daemon, *words)
        assert (ended.code, ended.out.rstrip("\n"), ended.err) == (0, text, ""), words


async def test_every_command_that_shows_takes_a_template(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await running(api, rootfs, "web", labels={"tier": "front", "a.b": "c"}, env={"A": "b"})
    pid = str((await api.get(f"/v1/containers/{container}")).json["pid"])
    cases = {
        ("ps", "--format", '{{.ID}} {{.Names}} {{.State}} {{.Label "tier"}}'): f"{container[:12]} web running front",
        ("ps", "--no-trunc", "--format", "{{.ID}} {{.Labels}}"): f"{container} a.b=c,tier=front",
        ("--format", "{{.Command}}", "ps"): "/bin/sleep 100",
        ("ps", "--format", "table {{.Names}}\\t{{.Status}}"): "NAMES   STATUS\nweb     running",
        ("inspect", "-f", "{{.State.Pid}} {{.State.Running}} {{.Pid}}", "web"): f"{pid} true {pid}",
        ("inspect", "-f", '{{range .Config.Env}}{{if eq . "A=b"}}{{.}}{{end}}{{end}}', "web"): "A=b",
        ("inspect", "-f", '{{index .Config.Labels "a.b"}} {{.exit}}', "web"): "c ",
        ("container", "inspect", "-f", "{{.Name}}", "web"): "web",
        ("inspect", "-f", "{{.Path}} {{.Args}} {{.State.Health.Status}}", "web"): "/bin/sleep [100] ",
        ("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}", "web"): "0 0 0",
        ("inspect", "-f", "{{with .HostConfig.RestartPolicy}}{{.Name}} {{.MaximumRetryCount}}{{end}}", "web"): "no 0",
        ("inspect", "-f", "{{range .Mounts}}{{.Type}}:{{.Destination}}:{{.RW}} {{end}}", "web"): f"{MOUNTS} ",
        ("info", "--format", "{{.Containers}} {{.ContainersRunning}}"): "1 1",
        ("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.pids.current}}"): "web 1 1",
        ("top", "--format", "{{.Pid}} {{.ContainerPid}} {{.CMD}}", "web"): f"{pid} 1 /bin/sleep 100",
    }
    await check(daemon, cases)
    await pyctr(daemon, "rm", "-f", "web")


async def test_every_other_command_too(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await running(api, rootfs, "web")
    made = (await api.post(f"/v1/containers/{container}/exec", json={"args": ["/bin/sleep", "5"]})).json["id"]
    cases = {
        ("execs", "ls", "--format", "{{.ID}} {{.Status}} {{.Command}}", "web"): f"{made} created /bin/sleep 5",
        ("execs", "inspect", "-f", "{{.Running}}", made): "false",
        ("execs", "ls", "-q", "web"): made,
        ("system", "info", "-f", "{{.ContainersRunning}} {{.DaemonPid}}"): f"1 {daemon.pid}",
        ("version", "-f", "{{.Server.Version}} {{.Client.Version}}"): "0.1.0 0.1.0",
        ("doctor", "--format", "{{len .Checks | lt 3}}"): "true",
        ("events", "--since-id", "0", "--no-follow", "--format", "{{.Action}} {{.Actor.Attributes.name}}"): (
            "created web\nstarted web\ncreated web"
        ),
        ("stop", "-t", "0", "--format", "{{.Container}} {{.ExitCode}}", "web"): "web 137",
        ("wait", "--format", "{{.reason}}", "web"): "signaled",
        ("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "web"): "exited 137",
        ("prune", "-f", "--format", "{{len .Removed}}"): "1",
    }
    await check(daemon, cases)


async def test_json_of_each_line_is_what_json_gives(daemon: Daemon, api: Api, rootfs: Path) -> None:
    await running(api, rootfs, "web")
    whole = json.loads((await pyctr(daemon, "ps", "--format", "json")).out)
    assert json.loads((await pyctr(daemon, "ps", "--format", "{{json .}}")).out) == whole[0]
    await pyctr(daemon, "rm", "-f", "web")


REFUSED = (
    (("ps", "-a", "--format", "{{.Nmae}}"), 1, "no field 'Nmae' (fields are ID, Names, "),
    (("inspect", "-f", "{{.State.Foo}}", "web"), 1, "no field 'Foo' (fields are Status, Running, "),
    (("ps", "--format", "{{foo .}}"), 2, "there is no function 'foo'; there are and, "),
    (("ps", "--format", "{{.ID"), 2, "is not closed"),
    (("ps", "--format", "yaml"), 2, "'yaml' is neither table, json nor a template"),
    (("rm", "--format", "{{.ID}}", "web"), 2, "table or json"),
    (("top", "web", "aux"), 2, "options of ps have no meaning"),
    (("images",), 2, "there are no images here"),
    (("port", "web"), 2, "there are no ports"),
    (("run", "-p", "80:80", "nginx"), 125, "there are no ports"),
    (("run", "--userns", "host", "alpine"), 125, "config.json"),
    (("run", "alpine", "sh"), 125, "--rootfs is missing"),
    (("attach", "--detach-keys", "ctrl-", "web"), 1, "no key 'ctrl-'"),
    (("timeline", "web", "-o", "web.png"), 1, "pictures are SVG"),
)


async def test_what_is_refused(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/true", name="web")
    for words, code, told in REFUSED:
        ended = await pyctr(daemon, *words)
        assert (ended.code, ended.out) == (code, ""), words
        assert told in ended.err
        assert ended.err.count("\n") == 1
    await api.delete(f"/v1/containers/{container}")


async def test_latest_and_whole(daemon: Daemon, api: Api, rootfs: Path) -> None:
    for name in ("one", "two"):
        await api.create(rootfs, "/bin/echo", "x" * 300, name=name)
    assert (await pyctr(daemon, "ps", "-l", "--format", "{{.Names}}")).out == "two\n"
    assert (await pyctr(daemon, "container", "ls", "-n", "1", "--format", "{{.Names}}")).out == "two\n"
    terminal, slave = await at_terminal(daemon, 20, 60, "ps", "-a", "--no-trunc")
    await terminal.until(b"x" * 30)
    assert await end(terminal, slave) == 0
    await pyctr(daemon, "rm", "one", "two")


async def test_files_of_options(daemon: Daemon, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# none\nA=b c\n\nHOME\n")
    (tmp_path / "labels").write_text("tier=front\n")
    options = (
        *("--env-file", f"{tmp_path}/env", "--label-file", f"{tmp_path}/labels", "--cidfile", f"{tmp_path}/cid"),
        *("--tmpfs", "/scratch:size=1m", "-h", "box", "-m", "64m", "--net", "none", "--name", "box"),
    )
    script = 'echo "$A"; hostname; grep -c "/scratch tmpfs.*size=1024k" /proc/mounts'
    ended = await pyctr(daemon, "run", *options, "--rootfs", str(rootfs), "/bin/sh", "-c", script)
    assert (ended.out, ended.err) == ("b c\nbox\n1\n", "")
    shown = await pyctr(daemon, "inspect", "-f", "{{.ID}} {{.labels.tier}}", "box")
    assert shown.out == f"{(tmp_path / 'cid').read_text()} front\n"
    again = await pyctr(daemon, "create", "--cidfile", f"{tmp_path}/cid", "--rootfs", str(rootfs), "/bin/true")
    assert (again.code, again.err.count("\n")) == (125, 1)
    assert "file exists" in again.err
    failed = await pyctr(daemon, "create", "--cidfile", f"{tmp_path}/new", "--rootfs", "/nowhere", "/bin/true")
    assert failed.code == 125
    assert not (tmp_path / "new").exists()
    missing = await pyctr(daemon, "create", "--env-file", f"{tmp_path}/none", "--rootfs", str(rootfs), "/bin/true")
    assert "cannot read" in missing.err
    assert (await pyctr(daemon, "ps", "-aq")).out.count("\n") == 1
    await pyctr(daemon, "rm", "box")


async def test_a_timeline_as_a_picture(daemon: Daemon, api: Api, rootfs: Path, tmp_path: Path) -> None:
    container = await running(api, rootfs, "web")
    ended = await pyctr(daemon, "timeline", "web", "-o", f"{tmp_path}/web.svg")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    steps = (await api.get(f"/v1/containers/{container}/timeline")).json["steps"]
    root = ET.parse(tmp_path / "web.svg").getroot()  # noqa: S314 - our own
    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == len(steps)
    terminal, slave = await at_terminal(daemon, 50, 100, "timeline", "web")
    await terminal.until("█".encode())
    assert await end(terminal, slave) == 0
    await pyctr(daemon, "rm", "-f", "web")


async def test_keys_leave_a_container(daemon: Daemon, rootfs: Path) -> None:
    options = ("--rootfs", str(rootfs), "-e", "PS1=ready> ", "--name", "shell")
    terminal, slave = await at_terminal(daemon, 20, 80, "run", "-it", "--rm", *options, "/bin/sh")
    await terminal.until(b"ready> ")
    terminal.type(b"\x10\x11")
    await terminal.until(b"it goes on")
    assert await end(terminal, slave) == 0
    assert (await pyctr(daemon, "ps", "--format", "{{.Names}} {{.State}}")).out == "shell running\n"
    terminal, slave = await at_terminal(daemon, 20, 80, "exec", "-it", "--detach-keys", "ctrl-x", "shell", "/bin/sh")
    await terminal.until(b"ready> ")
    terminal.type(b"\x10\x11echo $((40+2))\r")  # these are the shell's now
    await terminal.until(b"42")
    terminal.type(b"\x18")
    assert await end(terminal, slave) == 0
    assert (await pyctr(daemon, "execs", "ls", "--format", "{{.Status}}", "shell")).out == "running\n"
    await pyctr(daemon, "rm", "-f", "shell")


async def test_several_are_stopped_at_once(daemon: Daemon, api: Api, rootfs: Path) -> None:
    """Each one ends only once the other has been told to: one after the other they would wait for SIGKILL."""
    (rootfs / "shared").mkdir()
    script = "trap 'echo >/shared/$1; until [ -e /shared/$2 ]; do busybox usleep 10000; done; exit 5' TERM; echo up; "
    script += "while :; do busybox usleep 10000; done"
    for name, other in (("a", "b"), ("b", "a")):
        await running(api, rootfs, name, "/bin/sh", "-c", script, "sh", name, other)
        while (await pyctr(daemon, "logs", name)).out != "up\n":
            pass
    ended = await pyctr(daemon, "stop", "-t", "60", "a", "none", "b")
    assert (ended.code, ended.out) == (1, "a\nb\n")
    assert ended.err == "pyctr: cannot stop container 'none': no such container\n"
    assert (await pyctr(daemon, "wait", "a", "b")).out == "5\n5\n"
    await pyctr(daemon, "rm", "a", "b")


async def test_progress_is_for_terminals_and_on_stderr(daemon: Daemon, api: Api, rootfs: Path) -> None:
    for name in ("a", "b"):
        await running(api, rootfs, name)
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(*PYCTR, "stop", "-t", "1", "a", "b"),
        stdout=asyncio.subprocess.PIPE,
        stderr=slave,
        env=os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket), "TERM": "xterm"},
    )
    os.close(slave)
    out, _ = await process.communicate()
    process._transport.close()  # type: ignore[attr-defined]
    shown = os.read(master, 65_536)
    os.close(master)
    assert out == b"a\nb\n"
    assert b"stopping" in shown
    await pyctr(daemon, "rm", "a", "b")
