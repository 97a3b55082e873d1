"""`pyctr` against a real daemon, as a person at a terminal uses it."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from containerd_py.engine.readiness import readable
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon

_RESIZED = b"until stty size | busybox grep '3[0] 99'; do busybox sleep 0.05; done"
"""It waits for that: typed and shown are not the same."""

PYCTR = (sys.executable, "-m", "containerd_py.cli.main")


class Ended:
    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode()
        self.err = err.decode()


async def pyctr(daemon: Daemon, *arguments: str, stdin: bytes = b"") -> Ended:
    process = await asyncio.create_subprocess_exec(
        *PYCTR,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket)},
    )
    out, err = await asyncio.wait_for(process.communicate(stdin), 30)
    code = process.returncode
    process._transport.close()  # type: ignore[attr-defined]
    assert code is not None
    return Ended(code, out, err)


async def test_run_passes_output_input_and_exit_code(daemon: Daemon, rootfs: Path) -> None:
    script = "cat; echo error >&2; exit 3"
    ended = await pyctr(daemon, "run", "-i", "--rm", "--rootfs", str(rootfs), "/bin/sh", "-c", script, stdin=b"from here\n")
    assert (ended.code, ended.out, ended.err) == (3, "from here\n", "error\n")


async def test_run_with_every_option(daemon: Daemon, rootfs: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/file").write_text("shared\n")
    script = "hostname; pwd; id -u; id -g; echo $A; cat /mnt/file; echo x >/mnt/file || echo x >/file || echo read-only"
    script += "; grep -c /scratch.*noexec.*size=1024k /proc/mounts"
    ended = await pyctr(
        daemon,
        *("run", "--rm", "--rootfs", str(rootfs), "--name", "full", "--hostname", "box", "-e", "A=b", "-u", "5:6"),
        *("-w", "/bin", "-v", f"{tmp_path}/shared:/mnt:ro", "--mount", "type=tmpfs,target=/scratch,size=1m,noexec"),
        *(
            "--read-only",
            "--network",
            "none",
            "-l",
            "tier=front",
            "--annotation",
            "a=b",
            "--pids-limit",
            "50",
            "/bin/sh",
            "-c",
            script,
        ),
    )
    assert ended.out == "box\n/bin\n5\n6\nb\nshared\nread-only\n1\n"
    assert ended.code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("/bin/nope",), 127, "/bin/nope"),
        (("/plain",), 126, "/plain"),
        (("-v", "/nowhere:/mnt", "/bin/true"), 125, "/nowhere"),
        (("--cpus", "0.001", "/bin/true"), 125, "0.001 CPUs"),
        (("--nonsense", "/bin/true"), 125, "nonsense"),
    ],
)
async def test_errors_come_in_one_line(
    daemon: Daemon, rootfs: Path, arguments: tuple[str, ...], code: int, part: str
) -> None:
    (rootfs / "plain").write_text("")
    ended = await pyctr(daemon, "run", "--rm", "--rootfs", str(rootfs), *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert part in ended.err
    if "nonsense" not in part:
        assert ended.err.count("\n") == 1


async def test_a_life_by_commands(daemon: Daemon, rootfs: Path) -> None:
    started = await pyctr(
        daemon, "run", "-d", "--name", "web", "--rootfs", str(rootfs), "/bin/sh", "-c", "echo up; sleep 100"
    )
    container = started.out.strip()
    listed = json.loads((await pyctr(daemon, "ps", "--format", "json")).out)
    assert container in json.dumps(listed)
    assert "web" in (await pyctr(daemon, "ps")).out
    assert json.loads((await pyctr(daemon, "inspect", "web")).out)["id"] == container
    while (await pyctr(daemon, "logs", "web")).out != "up\n":
        await asyncio.sleep(0.05)
    assert (await pyctr(daemon, "stop", "-t", "0", "web")).code == 0
    assert (await pyctr(daemon, "wait", "web")).out == "137\n"
    assert "pivot_root" in (await pyctr(daemon, "timeline", "web")).out
    events = [
        json.loads(line)
        for line in (await pyctr(daemon, "--format", "json", "events", "--since-id", "0", "--no-follow")).out.splitlines()
    ]
    assert [event["type"] for event in events][:2] == ["container.created", "container.started"]
    assert (await pyctr(daemon, "rm", "web")).code == 0
    missing = await pyctr(daemon, "inspect", "web")
    assert (missing.code, missing.err) == (1, "pyctr: cannot inspect container 'web': no such container\n")


async def test_logs_as_json(daemon: Daemon, rootfs: Path) -> None:
    until = "until [ -e /{} ]; do busybox sleep 0.05; done"  # what two streams have at once has no order
    script = f"echo one; {until.format('oops')}; echo oops >&2; {until.format('tail')}; printf tail; sleep $1"
    arguments = ("run", "-d", "--rootfs", str(rootfs), "--name")
    for name, seconds in (("ended", "0"), ("going", "100")):
        await pyctr(daemon, *arguments, name, "/bin/sh", "-c", script, "sh", seconds)
    async with daemon.api() as api:
        for shown, following in ((b"one\n", "oops"), (b"one\noops\n", "tail"), (b"one\noops\ntail", "end")):
            for name in ("ended", "going"):
                while (await api.get(f"/v1/containers/{name}/logs")).body != shown:
                    await asyncio.sleep(0.01)
            (rootfs / following).touch()
    await pyctr(daemon, "wait", "ended")
    one = {"stream": "stdout", "offset": 0, "text": "one\n"}
    oops = {"stream": "stderr", "offset": 4, "text": "oops\n"}
    tail = {"stream": "stdout", "offset": 9, "text": "tail"}
    cases: list[tuple[tuple[str, ...], list[object]]] = [
        (("ended",), [one, oops, tail]),
        (("going",), [one, oops, tail]),  # up to what there is: it does not wait for more
        (("-f", "ended"), [one, oops, tail]),
        (("--stream", "stderr", "ended"), [oops]),
        (("--stream", "stdout", "going"), [one, tail]),
        (("--offset", "4", "ended"), [oops, tail]),
        (("--offset", "13", "going"), []),
        (("--offset", "99", "ended"), []),
    ]
    for options, told in cases:
        ended = await pyctr(daemon, "logs", "--format", "json", *options)
        assert ([json.loads(line) for line in ended.out.splitlines()], ended.code) == (told, 0), options
    assert (await pyctr(daemon, "--format", "json", "logs", "ended")).out.count("{") == 3
    assert (await pyctr(daemon, "logs", "--format", "json", "none")).code == 1
    await pyctr(daemon, "rm", "-f", "going", "ended")


async def test_a_gap_in_logs_is_told(daemon: Daemon, rootfs: Path) -> None:
    limits = ("--log-opt", "max-size=4k", "--log-opt", "max-file=2")
    box = ("--name", "box", "--rootfs", str(rootfs))
    await pyctr(daemon, "run", "-d", *limits, *box, "/bin/sh", "-c", "seq 3000")
    await pyctr(daemon, "wait", "box")
    kept = (await pyctr(daemon, "logs", "box")).out
    told = [json.loads(line) for line in (await pyctr(daemon, "logs", "--format", "json", "box")).out.splitlines()]
    size = sum(len(f"{n}\n") for n in range(1, 3001))
    assert told[0] == {"gap": size - len(kept), "offset": 0}
    assert "".join(one["text"] for one in told[1:]) == kept
    attached = await pyctr(daemon, "attach", "--offset", "0", "box")
    assert (attached.code, attached.out) == (0, kept)
    assert f"{size - len(kept)} bytes of output" in attached.err
    await pyctr(daemon, "rm", "box")
    unseen = await pyctr(daemon, "run", "--log-driver", "none", *box, "/bin/echo", "seen")
    assert (unseen.code, unseen.out) == (0, "seen\n")
    refused = await pyctr(daemon, "logs", "box")
    assert (refused.code, refused.out) == (1, "")
    await pyctr(daemon, "rm", "box")


async def test_parts_of_logs(daemon: Daemon, rootfs: Path) -> None:
    await pyctr(daemon, "run", "--name", "box", "--rootfs", str(rootfs), "/bin/sh", "-c", "echo one; echo two; printf end")
    cases: list[tuple[tuple[str, ...], str]] = [
        (("-n", "2"), "two\nend"),
        (("--tail", "all"), "one\ntwo\nend"),
        (("--since", "10m"), "one\ntwo\nend"),
        (("--since", "0s"), ""),
        (("--until", "1h10m"), ""),
        (("--until", "2100-01-01", "--tail", "1"), "end"),
    ]
    for options, expected in cases:
        assert (await pyctr(daemon, "logs", *options, "box")).out == expected, options
    stamped = (await pyctr(daemon, "logs", "-t", "box")).out.splitlines()
    assert [line.split("Z ")[1] for line in stamped] == ["one", "two", "end"]
    for options in (("--since", "yesterday"), ("--tail", "-1"), ("--tail", "x"), ("-t", "--format", "json")):
        wrong = await pyctr(daemon, "logs", *options, "box")
        assert (wrong.code, wrong.out) == (2, ""), options
    await pyctr(daemon, "rm", "box")


async def test_explain_info_and_version(daemon: Daemon, rootfs: Path) -> None:
    explained = await pyctr(daemon, "explain", "--rootfs", str(rootfs), "/bin/true")
    assert "bind root file system" in explained.out
    assert json.loads((await pyctr(daemon, "info", "--format", "json")).out)["daemon_pid"] == daemon.pid
    assert (await pyctr(daemon, "version")).code == 0
    assert (await pyctr(daemon, "ps")).code == 0


async def test_without_a_daemon(daemon: Daemon, tmp_path: Path) -> None:
    ended = await pyctr(daemon, "--socket", str(tmp_path / "none.sock"), "ps")
    assert ended.code == 1
    assert "pycontainerd" in ended.err
    assert ended.err.count("\n") == 1


class AtTerminal:
    """`pyctr` on a pseudo-terminal of ours."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self.master = master
        self.process = process
        self.seen = b""

    async def until(self, text: bytes, *, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while text not in self.seen:
                await readable(self.master)
                self.seen += os.read(self.master, 65_536)

    def type(self, text: bytes) -> None:
        os.write(self.master, text)


async def at_terminal(daemon: Daemon, rows: int, columns: int, *arguments: str) -> tuple[AtTerminal, int]:
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", *PYCTR, *arguments),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket), "TERM": "xterm"},
    )
    return AtTerminal(master, process), slave


async def end(terminal: AtTerminal, slave: int) -> int:
    code = await asyncio.wait_for(terminal.process.wait(), 20)
    terminal.process._transport.close()  # type: ignore[attr-defined]
    os.close(terminal.master)
    os.close(slave)
    return code


def settings(fd: int) -> list[Any]:
    return termios.tcgetattr(fd)


async def test_a_shell_at_the_terminal(daemon: Daemon, rootfs: Path) -> None:
    terminal, slave = await at_terminal(
        daemon, 21, 83, "run", "-it", "--rm", "--rootfs", str(rootfs), "-e", "PS1=ready> ", "/bin/sh"
    )
    before = settings(slave)
    await terminal.until(b"ready> ")
    terminal.type(b"stty size; tty\r")
    await terminal.until(b"21 83\r\n/dev/pts/0\r\n")
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 99, 0, 0))
    terminal.seen = b""
    terminal.type(_RESIZED + b"\r")
    await terminal.until(b"30 99\r\n")
    terminal.type(b"sh -c 'echo started; exec sleep 100'\r")
    await terminal.until(b"started\r\n")
    terminal.type(b"\x03")  # to the payload, not to pyctr
    terminal.type(b"echo code $?\r")
    await terminal.until(b"code 130\r\n")
    terminal.type(b"exit 4\r")
    assert await terminal.process.wait() == 4
    assert settings(slave) == before
    await end(terminal, slave)


async def test_attach_to_a_running_terminal(daemon: Daemon, api: Api, rootfs: Path) -> None:
    container = await api.create(rootfs, "/bin/sh", terminal=True, name="shell", env={"PS1": "ready> "})
    await api.post(f"/v1/containers/{container}/start")
    terminal, slave = await at_terminal(daemon, 10, 20, "attach", "shell")
    while b"ready> " not in terminal.seen:  # what is typed before pyctr has the terminal is discarded, as by ssh
        terminal.type(b"\r")
        with contextlib.suppress(TimeoutError):
            await terminal.until(b"ready> ", seconds=0.5)
    terminal.type(b"echo $((40+2))\r")
    await terminal.until(b"42\r\n")
    terminal.type(b"exit 6\r")
    assert await end(terminal, slave) == 6
    await api.delete(f"/v1/containers/{container}")


async def running(daemon: Daemon, rootfs: Path, *options: str) -> None:
    ended = await pyctr(daemon, "run", "-d", "--name", "box", *options, "--rootfs", str(rootfs), "/bin/sleep", "100")
    assert ended.code == 0, ended.err


async def test_exec_passes_output_input_and_exit_code(daemon: Daemon, rootfs: Path) -> None:
    await running(daemon, rootfs, "-e", "COLOUR=red")
    script = "cat; echo $COLOUR $NEW; pwd; id -u; id -G; echo error >&2; exit 3"
    options = ("-i", "-e", "NEW=x", "-w", "/bin", "-u", "5:6", "--group-add", "7")
    ended = await pyctr(daemon, "exec", *options, "box", "/bin/sh", "-c", script, stdin=b"from here\n")
    assert (ended.code, ended.out, ended.err) == (3, "from here\nred x\n/bin\n5\n6 7\n", "error\n")
    ended = await pyctr(daemon, "exec", "--cap", "CAP_KILL", "box", "/bin/grep", "CapEff", "/proc/self/status")
    assert ended.out.split() == ["CapEff:", "0000000000000020"]
    ended = await pyctr(daemon, "exec", "--privileged", "box", "/bin/grep", "NoNewPrivs", "/proc/self/status")
    assert ended.out.split() == ["NoNewPrivs:", "0"]
    detached = await pyctr(daemon, "exec", "-d", "box", "/bin/sh", "-c", "echo unseen; echo x >/there; sleep 100")
    async with daemon.api() as api:
        assert (await api.get(f"/v1/exec/{detached.out.strip()}")).json["detach"]
    async with asyncio.timeout(30):
        while not (rootfs / "there").exists():
            await asyncio.sleep(0.01)
    await pyctr(daemon, "rm", "-f", "box")


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (("box", "/bin/nope"), 127, "/bin/nope"),
        (("box", "/plain"), 126, "/plain"),
        (("-w", "/nowhere", "box", "/bin/true"), 125, "/nowhere"),
        (("-w", "relative", "box", "/bin/true"), 125, "relative"),
        (("-u", "nobody", "box", "/bin/true"), 125, "nobody"),
        (("nobox", "/bin/true"), 125, "nobox"),
        (("-d", "-i", "box", "/bin/true"), 125, "--detach"),
        (("-t", "box", "/bin/true"), 125, "standard input is not one"),
        (("box",), 125, "args"),
        (("--nonsense", "box", "/bin/true"), 125, "nonsense"),
    ],
)
async def test_errors_of_exec_come_in_one_line(
    daemon: Daemon, rootfs: Path, arguments: tuple[str, ...], code: int, part: str
) -> None:
    (rootfs / "plain").write_text("")
    await running(daemon, rootfs)
    ended = await pyctr(daemon, "exec", *arguments)
    await pyctr(daemon, "rm", "-f", "box")
    assert (ended.code, ended.out) == (code, "")
    assert part in ended.err.lower()
    assert ended.err.count("\n") == 1


async def test_signals_go_to_what_is_executed(daemon: Daemon, rootfs: Path) -> None:
    await running(daemon, rootfs)
    process = await asyncio.create_subprocess_exec(
        *(*PYCTR, "exec", "box", "/bin/sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYCONTAINERD_SOCKET": str(daemon.socket)},
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 20) == 9
    process._transport.close()  # type: ignore[attr-defined]
    await pyctr(daemon, "rm", "-f", "box")


async def test_exec_at_the_terminal_through_a_restart_of_the_daemon(daemon: Daemon, rootfs: Path) -> None:
    await running(daemon, rootfs)
    terminal, slave = await at_terminal(daemon, 22, 84, "exec", "-it", "-e", "PS1=ready> ", "box", "/bin/sh")
    before = settings(slave)
    await terminal.until(b"ready> ")
    terminal.type(b"stty size; tty\r")
    await terminal.until(b"22 84\r\n/dev/pts/0\r\n")
    daemon.kill()
    daemon.start()
    await daemon.answering()
    terminal.seen = b""
    async with asyncio.timeout(30):
        while b"42\r\n" not in terminal.seen:  # what is typed into the connection that is gone is gone too
            terminal.type(b"echo $((40+2))\r")
            with contextlib.suppress(TimeoutError):
                await terminal.until(b"42\r\n", seconds=1)
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 99, 0, 0))
    terminal.type(_RESIZED + b"; exit 4\r")
    await terminal.until(b"30 99\r\n")
    assert await terminal.process.wait() == 4
    assert settings(slave) == before
    await end(terminal, slave)
    await pyctr(daemon, "rm", "-f", "box")


async def test_logs_of_a_container_that_was_removed(daemon: Daemon, rootfs: Path) -> None:
    script = "echo out; echo err >&2; exit 3"
    made = (await pyctr(daemon, "create", "--rootfs", str(rootfs), "/bin/sh", "-c", script)).out.strip()
    assert (await pyctr(daemon, "start", "-a", made)).code == 3
    assert (await pyctr(daemon, "rm", made)).code == 0
    assert sorted((await pyctr(daemon, "logs", made)).out.split()) == ["err", "out"]
    lines = [json.loads(line) for line in (await pyctr(daemon, "logs", "--format", "json", made)).out.splitlines()]
    assert {line["stream"] for line in lines} == {"stdout", "stderr"}
    assert (await pyctr(daemon, "wait", made)).out == "3\n"
    assert "has been deleted (logs, attach and wait by its id" in (await pyctr(daemon, "start", made)).err
    nobody = await pyctr(daemon, "logs", "--format", "json", "nobody")
    assert (nobody.code, nobody.err) == (1, "pyctr: cannot inspect container 'nobody': no such container\n")


@pytest.fixture
def journal_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To be asked for before the daemon."""
    monkeypatch.setenv("PYCONTAINERD_JOURNAL_SOCKET", str(tmp_path / "journal.sock"))


@pytest.mark.usefixtures("journal_socket")
async def test_logs_in_the_journal_tell_where_they_are(daemon: Daemon, rootfs: Path) -> None:
    options = ("--log-driver", "journald", "--log-opt", "tag=shop", "--log-opt", "max-size=1m")
    made = (await pyctr(daemon, "create", *options, "--rootfs", str(rootfs), "/bin/true")).out.strip()
    logs = await pyctr(daemon, "logs", made)
    assert logs.code == 1
    assert f"journalctl CONTAINER_ID_FULL={made}" in logs.err
    detail = json.loads((await pyctr(daemon, "inspect", made)).out)
    shown = detail[0] if isinstance(detail, list) else detail
    assert shown["spec"]["log"] == {"driver": "journald", "tag": "shop", "max_bytes": 1 << 20}
    assert (await pyctr(daemon, "rm", made)).code == 0


async def test_what_runs_alone_is_removed_by_the_daemon(daemon: Daemon, api: Api, rootfs: Path) -> None:
    made = (await pyctr(daemon, "run", "-d", "--rm", "--rootfs", str(rootfs), "/bin/echo", "hi")).out.strip()
    await api.post(f"/v1/containers/{made}/wait?condition=removed")
    assert (await pyctr(daemon, "ps", "-aq")).out == ""
    assert (await pyctr(daemon, "logs", made)).out == "hi\n"


async def test_keys_leave_a_container_that_goes_on(daemon: Daemon, rootfs: Path) -> None:
    terminal, slave = await at_terminal(
        daemon, 20, 80, "run", "-it", "--rm", "--name", "box", "--rootfs", str(rootfs), "-e", "PS1=ready> ", "/bin/sh"
    )
    before = settings(slave)
    await terminal.until(b"ready> ")
    terminal.type(b"\x10\x11")
    await terminal.until(b"it goes on")
    assert await terminal.process.wait() == 0
    assert settings(slave) == before
    await end(terminal, slave)
    terminal, slave = await at_terminal(daemon, 20, 80, "attach", "--detach-keys", "ctrl-a,x", "box")
    async with asyncio.timeout(30):
        while b"42\r\n" not in terminal.seen:  # what is typed before the terminal is raw is gone
            terminal.type(b"echo $((40+2))\r")
            with contextlib.suppress(TimeoutError):
                await terminal.until(b"42\r\n", seconds=1)
    terminal.type(b"echo a\x10\x11\x7f\x7f\x01")  # other keys are the shell's, and the first of ours is held back
    terminal.type(b"x")
    await terminal.until(b"it goes on")
    assert await end(terminal, slave) == 0
    terminal, slave = await at_terminal(daemon, 20, 80, "exec", "-it", "-e", "PS1=inner> ", "box", "/bin/sh")
    await terminal.until(b"inner> ")
    terminal.type(b"\x10\x11")
    assert await end(terminal, slave) == 0
    async with daemon.api() as api:
        assert (await api.get("/v1/containers/box")).json["status"] == "running"
        (left,) = (await api.get("/v1/containers/box/exec")).json["execs"]
        assert left["status"] == "running"
    await pyctr(daemon, "rm", "-f", "box")
