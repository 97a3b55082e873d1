"""The spawner as the daemon sees it: a real process, spoken to through the client. Needs root and busybox-static."""

import contextlib
import errno
import json
import os
import re
import resource
import select
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from containerd_py import __version__
from containerd_py.light.dataclasses import replace
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.spawner import client, protocol, seal
from containerd_py.runtime.spawner.client import Exited, Parting, Refused
from containerd_py.runtime.spawner.request import ForkRequest
from tests.integration.runtime.test_worker import plan_for
from tests.integration.spawner.spawner_process import LONG_S, Spawner, close, pipe, receive, silent, until

SLEEP = ("/bin/sleep", "1000")
CAT = ("/bin/cat",)


def shell(script: str) -> tuple[str, ...]:
    return "/bin/sh", "-c", script


# ── the process itself ──


def test_a_spawner_greets_and_has_nothing(folder: Path) -> None:
    with contextlib.closing(Spawner(folder)) as spawner:
        hello, inventory = spawner.meet()
        assert (hello.protocol, hello.version, hello.pid) == (protocol.PROTOCOL, __version__, spawner.pid)
        assert inventory == []
        found = (folder / client.SOCKET_NAME).stat().st_mode
        assert stat.S_ISSOCK(found)
        assert stat.S_IMODE(found) == 0o600


def test_it_is_alone_and_has_nothing_of_the_daemons(spawner: Spawner) -> None:
    here = Path(f"/proc/{spawner.pid}")
    assert (here / "comm").read_text().strip() == "pyc:[0:SPAWN]"
    assert len(os.listdir(here / "task")) == 1
    assert (here / "environ").read_bytes() == b""
    assert os.readlink(here / "cwd") == "/"
    assert os.readlink(here / "exe").startswith("/memfd:pycontainerd")
    assert os.getsid(spawner.pid) == spawner.pid
    assert os.readlink(here / "ns/mnt") != os.readlink("/proc/self/ns/mnt")
    kinds = sorted(target.split(":")[0] for target in spawner.descriptors())
    assert kinds == ["/dev/null", "/dev/null", "/dev/null", "anon_inode", "net", "net", "socket", "socket"]
    assert b"site-packages" not in (here / "maps").read_bytes()


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"nonsense", r"cannot read message .*nonsense"),
        (b"[" * 60_000, r"cannot read message .*\[\["),
        (b'{"op": 5}', r"cannot read message"),
        (b'{"op": "dance"}', r"cannot do 'dance': KeyError: 'dance' \(_serve, line \d+\)"),
        (b'{"op": "spawn", "seq": 1}', r"cannot do 'spawn': KeyError: 'id' \(_spawn, line \d+\)"),
        (b'{"op": "drop", "id": "abc", "names": 5}', r"cannot do 'drop': TypeError: .* \(_drop, "),
        (b'{"op": "keep", "id": "abc", "keep": 5}', r"cannot do 'keep': TypeError: .* \(_kept, "),
        (b'{"op": "forget", "id": ["abc"]}', r"cannot do 'forget': TypeError: .* \(_forget, "),
        (b'{"op": "upgrade", "arguments": []}', r"cannot do 'upgrade': IndexError: .* \(_upgrade, "),
    ],
)
def test_nonsense_costs_the_connection_and_nothing_else(spawner: Spawner, rootfs: Path, message: bytes, told: str) -> None:
    """Why is told: it has no log, and a defect of its own looks the same to who is hung up on."""
    container = spawner.run("abc", plan_for(rootfs, *SLEEP))
    before = spawner.descriptors()
    spawner.link._connection.send(message)
    assert re.match(told, spawner.hear(Parting).text)
    assert receive(spawner.link) is None
    spawner.hang_up()
    _hello, (entry,) = spawner.meet()
    assert (entry.id, entry.pid, entry.exit) == ("abc", container.pid, None)
    assert len(spawner.descriptors()) == len(before)
    close(entry)


def test_it_keeps_off_the_network_through_an_upgrade_and_its_children_do_not(spawner: Spawner, rootfs: Path) -> None:
    host = os.readlink("/proc/self/ns/net")
    assert os.readlink(f"/proc/{spawner.pid}/ns/net") != host
    spawner.link.upgrade()
    assert receive(spawner.link) is None
    spawner.hang_up()
    spawner.meet()
    assert os.readlink(f"/proc/{spawner.pid}/ns/net") != host
    container = spawner.run("abc", replace(plan_for(rootfs, *SLEEP), namespaces=("mount", "pid")))
    assert os.readlink(f"/proc/{container.pid}/ns/net") == host


def test_it_stays_on_a_network_that_it_could_not_come_back_to() -> None:
    """In a user namespace that has no network of its own."""
    program = "from containerd_py.runtime.spawner.network import leave_network\nwith leave_network(): print('back')"
    words = ("unshare", "--user", "--map-root-user", sys.executable, "-c", program)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("back\n", "")


def test_what_the_starter_has_open_is_not_handed_on(folder: Path) -> None:
    with pipe() as (_read, write):
        os.set_inheritable(write.fileno(), True)  # noqa: FBT003 - os's own signature
        with contextlib.closing(Spawner(folder)) as spawner:
            spawner.meet()
            assert not [target for target in spawner.descriptors() if target.startswith("pipe:")]


# ── spawn and exit ──


@pytest.mark.parametrize(("script", "expected"), [("exit 7", WaitStatus(7, None)), ("kill -9 $$", WaitStatus(0, None))])
def test_a_worker_runs_and_its_end_is_told(
    spawner: Spawner, rootfs: Path, script: str, expected: WaitStatus
) -> None:  # PID 1 is not killed by itself
    container = spawner.run("abc", plan_for(rootfs, *shell(script)))
    assert spawner.hear(Exited) == Exited("abc", expected)
    until(lambda: not os.path.exists(f"/proc/{container.pid}"))


def test_a_killed_payload_is_told_as_such(spawner: Spawner, rootfs: Path) -> None:
    container = spawner.run("abc", plan_for(rootfs, *SLEEP))
    status = Path(f"/proc/{container.pid}/status").read_text()
    assert f"PPid:\t{spawner.pid}\n" in status
    container.kill()
    assert spawner.hear(Exited) == Exited("abc", WaitStatus(None, signal.SIGKILL))


def test_a_worker_whose_daemon_lets_go_ends(spawner: Spawner, rootfs: Path) -> None:
    container = spawner.spawn("abc", plan_for(rootfs, *SLEEP))
    container.ready()
    container.control.close()
    assert spawner.hear(Exited) == Exited("abc", WaitStatus(1, None))


def test_many_ends_at_once_are_all_told(spawner: Spawner, rootfs: Path) -> None:
    containers = [spawner.run(f"c{number}", plan_for(rootfs, *SLEEP)) for number in range(30)]
    for container in containers:
        container.kill()
    ends = [spawner.hear(Exited) for _ in containers]
    assert {end.id for end in ends} == {container.id for container in containers}
    assert {end.status for end in ends} == {WaitStatus(None, signal.SIGKILL)}
    until(lambda: not any(os.path.exists(f"/proc/{container.pid}") for container in containers))


# ── refusals ──


def test_what_cannot_be_forked_is_refused_and_the_next_is_not(spawner: Spawner, rootfs: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, Fd(os.open(rootfs, os.O_RDONLY | os.O_DIRECTORY)) as no_cgroup, pipe() as (read, write):
        request = ForkRequest(theirs.fileno(), Clone(0), no_cgroup.fileno())
        seq = spawner.link.spawn("abc", request, {"out": write.fileno()})
        refused = spawner.hear(Refused)
        assert (refused.seq, refused.errno) == (seq, errno.EBADF)
        assert "clone3" in refused.text
        write.close()
        assert os.read(read.fileno(), 1) == b""  # what was to be kept is not
    spawner.run("abc", plan_for(rootfs, *shell("exit 3")))
    assert spawner.hear(Exited).status == WaitStatus(3, None)


def test_at_the_limit_of_descriptors_only_the_new_one_is_refused(spawner: Spawner, rootfs: Path) -> None:
    kept = spawner.run("kept", plan_for(rootfs, *SLEEP))
    spawner.idle()
    count = len(spawner.descriptors())
    _soft, hard = resource.prlimit(spawner.pid, resource.RLIMIT_NOFILE)
    with pipe() as (read, write):
        keep = {"stdout": read.fileno(), "stderr": read.fileno(), "stdin": write.fileno()}
        for room in range(6):
            resource.prlimit(spawner.pid, resource.RLIMIT_NOFILE, (count + room, hard))
            with spawner.ask("abc", plan_for(rootfs, *SLEEP), keep):
                told = spawner.hear(client.Spawned, Refused)
            if isinstance(told, client.Spawned):
                break
            assert isinstance(told, Refused)
            assert told.errno == errno.EMFILE
            spawner.idle()
            assert len(spawner.descriptors()) == count
        assert room > 2
    assert isinstance(told, client.Spawned)
    told.pidfd.close()
    assert spawner.hear(Exited).id == "abc"
    resource.prlimit(spawner.pid, resource.RLIMIT_NOFILE, (hard, hard))
    kept.kill()
    assert spawner.hear(Exited).id == "kept"


# ── another daemon ──


def test_a_second_daemon_is_turned_away_while_the_first_is_there(spawner: Spawner, rootfs: Path) -> None:
    with contextlib.closing(spawner.connect()) as second:
        assert receive(second) is None
    spawner.run("abc", plan_for(rootfs, *shell("exit 3")))
    assert spawner.hear(Exited).id == "abc"


def test_the_next_daemon_inherits_everything(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, write):
        script = "echo one; cat; echo two; exit 5"
        with pipe() as (stdin_read, stdin_write):
            container = spawner.run(
                "abc",
                plan_for(rootfs, *shell(script)),
                keep={"stdout": read.fileno(), "stdin": stdin_write.fileno()},
                stdin=stdin_read.fileno(),
                stdout=write.fileno(),
            )
        read.close()
        write.close()  # nobody but the payload and the spawner has them now
    spawner.hang_up()

    _hello, (entry,) = spawner.meet()
    assert (entry.id, entry.pid, entry.exit) == ("abc", container.pid, None)
    assert set(entry.kept) == {"stdout", "stdin"}
    os.write(entry.kept["stdin"].fileno(), b"typed\n")
    spawner.link.drop("abc", "stdin")
    entry.kept.pop("stdin").close()
    assert spawner.hear(Exited) == Exited("abc", WaitStatus(5, None))
    with open(entry.kept.pop("stdout").take(), "rb") as output:
        assert output.read() == b"one\ntyped\ntwo\n"
    close(entry)


def test_an_end_that_no_daemon_heard_is_in_the_inventory(spawner: Spawner, rootfs: Path) -> None:
    containers = {name: spawner.run(name, plan_for(rootfs, *SLEEP)) for name in ("ended", "runs")}
    spawner.hang_up()
    containers["ended"].kill()
    until(lambda: not os.path.exists(f"/proc/{containers['ended'].pid}"))
    _hello, inventory = spawner.meet()
    assert {entry.id: entry.exit for entry in inventory} == {"ended": WaitStatus(None, signal.SIGKILL), "runs": None}
    for entry in inventory:
        close(entry)
    spawner.link.forget("ended")
    containers["runs"].kill()
    assert spawner.hear(Exited).id == "runs"


def test_a_daemon_that_was_killed_makes_room_at_once(spawner: Spawner) -> None:
    """The next one may connect before the end of the first was noticed: what it left is served first."""
    for _ in range(50):
        spawner.link.forget("nobody")
        spawner.hang_up()
        assert spawner.meet()[1] == []


def test_a_peer_of_another_user_is_turned_away(spawner: Spawner, folder: Path) -> None:
    spawner.hang_up()
    folder.chmod(0o755)
    (folder / client.SOCKET_NAME).chmod(0o666)
    script = """
import os, socket, sys
os.chdir(sys.argv[1])
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.settimeout(20)
connection.connect("spawner.sock")
print(connection.recv(100))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True, timeout=LONG_S
    )
    assert done.stdout == "b''\n"
    assert spawner.meet()[1] == []  # and nobody was kept out by it


# ── keep, drop, forget, adopt ──


def test_what_is_kept_later_is_inherited_too_and_what_is_dropped_is_not(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, write):
        container = spawner.run("abc", plan_for(rootfs, *SLEEP), keep={"first": read.fileno()})
        spawner.link.keep("abc", {"second": write.fileno()})
        spawner.link.drop("abc", "first", "unknown")
        spawner.link.drop("nobody", "first")
        spawner.link.keep("nobody", {"third": write.fileno()})
        spawner.hang_up()
        _hello, (entry,) = spawner.meet()
        assert set(entry.kept) == {"second"}
        os.write(entry.kept["second"].fileno(), b"x")
        assert os.read(read.fileno(), 1) == b"x"
        close(entry)
        container.kill()
        assert spawner.hear(Exited).id == "abc"
        spawner.idle()
        assert len([target for target in spawner.descriptors() if target.startswith("pipe:")]) == 1


def test_what_is_kept_again_takes_the_place_of_what_was_kept(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, write):
        container = spawner.run("abc", plan_for(rootfs, *SLEEP), keep={"out": write.fileno()})
        spawner.link.keep("abc", {"out": read.fileno()})
        write.close()
        found = select.select([read], [], [], 2)[0]
        container.kill()
        assert spawner.hear(Exited).id == "abc"
        assert found


def test_the_payload_sees_the_end_of_input_that_was_dropped(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, write):
        spawner.run("abc", plan_for(rootfs, *CAT), keep={"stdin": write.fileno()}, stdin=read.fileno())
    assert silent(spawner.link)
    spawner.link.drop("abc", "stdin")
    assert spawner.hear(Exited).status == WaitStatus(0, None)


@pytest.mark.parametrize("ended", [False, True])
def test_a_forgotten_container_is_let_go(spawner: Spawner, rootfs: Path, ended: bool) -> None:  # noqa: FBT001
    spawner.idle()
    before = sorted(spawner.descriptors())
    with pipe() as (read, write):
        container = spawner.run("abc", plan_for(rootfs, *SLEEP), keep={"out": write.fileno()})
        if ended:
            container.kill()
            assert spawner.hear(Exited).id == "abc"
        spawner.link.forget("abc")
        write.close()
        assert select.select([read], [], [], LONG_S)[0]
        assert os.read(read.fileno(), 1) == b""
    if not ended:
        container.kill()
    until(lambda: not os.path.exists(f"/proc/{container.pid}"))  # reaped: no zombie
    until(lambda: sorted(spawner.descriptors()) == before)
    assert silent(spawner.link)
    spawner.link.forget("abc")
    spawner.hang_up()
    assert spawner.meet()[1] == []


def test_an_id_may_be_used_again_while_the_forgotten_one_still_runs(spawner: Spawner, rootfs: Path) -> None:
    first = spawner.run("abc", plan_for(rootfs, *SLEEP))
    spawner.link.forget("abc")
    second = spawner.run("abc", plan_for(rootfs, *SLEEP))
    first.kill()
    until(lambda: not os.path.exists(f"/proc/{first.pid}"))
    assert silent(spawner.link)
    second.kill()
    assert spawner.hear(Exited) == Exited("abc", WaitStatus(None, signal.SIGKILL))


def test_an_id_used_again_stands_for_the_new_one_only(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, write):
        first = spawner.run("abc", plan_for(rootfs, *SLEEP), keep={"out": write.fileno()})
        second = spawner.run("abc", plan_for(rootfs, *SLEEP))
        write.close()
        assert select.select([read], [], [], LONG_S)[0]  # what the first one kept is closed
    first.kill()
    until(lambda: not os.path.exists(f"/proc/{first.pid}"))
    assert silent(spawner.link)
    second.kill()
    assert spawner.hear(Exited) == Exited("abc", WaitStatus(None, signal.SIGKILL))


def test_an_adopted_process_is_watched_though_it_is_no_child(spawner: Spawner) -> None:
    stranger = subprocess.Popen(["/bin/sleep", "1000"])
    try:
        with Fd(os.pidfd_open(stranger.pid)) as pidfd, pipe() as (read, _write):
            spawner.link.adopt("abc", stranger.pid, pidfd.fileno(), {"stdout": read.fileno()})
        spawner.hang_up()
        _hello, (entry,) = spawner.meet()
        assert (entry.id, entry.pid, set(entry.kept), entry.exit) == ("abc", stranger.pid, {"stdout"}, None)
        close(entry)
    finally:
        stranger.kill()
    told = spawner.hear(Exited)
    stranger.wait()
    assert told.id == "abc"
    assert told.status in (WaitStatus(None, None), WaitStatus(None, signal.SIGKILL))  # never an invented 0


# ── upgrade ──


def test_an_upgrade_keeps_everything(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (stdin_read, stdin_write), pipe() as (read, write):
        runs = spawner.run(
            "runs",
            plan_for(rootfs, *CAT),
            keep={"stdin": stdin_write.fileno(), "stdout": read.fileno()},
            stdin=stdin_read.fileno(),
            stdout=write.fileno(),
        )
    waits = spawner.spawn("waits", plan_for(rootfs, *shell("exit 9")))
    waits.ready()
    ended, gone = (spawner.run(name, plan_for(rootfs, *SLEEP)) for name in ("ended", "gone"))
    ended.kill()
    assert spawner.hear(Exited).id == "ended"
    spawner.link.forget("gone")
    spawner.link.upgrade()
    assert receive(spawner.link) is None
    spawner.hang_up()

    hello, inventory = spawner.meet()
    assert hello.pid == spawner.pid
    assert {entry.id: (entry.pid, entry.exit) for entry in inventory} == {
        "runs": (runs.pid, None),
        "waits": (waits.pid, None),
        "ended": (ended.pid, WaitStatus(None, signal.SIGKILL)),
    }
    assert Path(f"/proc/{spawner.pid}/comm").read_text().strip() == "pyc:[0:SPAWN]"
    entries = {entry.id: entry for entry in inventory}
    kept = entries["runs"].kept
    os.write(kept["stdin"].fileno(), b"typed\n")
    assert os.read(kept["stdout"].fileno(), 100) == b"typed\n"
    kept["stdin"].close()
    spawner.link.drop("runs", "stdin")
    assert spawner.hear(Exited) == Exited("runs", WaitStatus(0, None))
    waits.start()
    assert spawner.hear(Exited) == Exited("waits", WaitStatus(9, None))
    gone.kill()
    until(lambda: not os.path.exists(f"/proc/{gone.pid}"))
    assert silent(spawner.link)
    spawner.run("new", plan_for(rootfs, *shell("exit 1")))
    assert spawner.hear(Exited) == Exited("new", WaitStatus(1, None))
    for entry in inventory:
        close(entry)


def test_upgrades_leak_no_descriptor(spawner: Spawner) -> None:
    for _ in range(3):
        spawner.link.upgrade()
        assert receive(spawner.link) is None
        spawner.hang_up()
        spawner.meet()
    kinds = sorted(target.split(":")[0] for target in spawner.descriptors())
    assert kinds == ["/dev/null", "/dev/null", "/dev/null", "anon_inode", "net", "net", "socket", "socket"]


def test_what_is_received_is_not_handed_on_to_our_children(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, _write):
        container = spawner.run("abc", plan_for(rootfs, *SLEEP), keep={"stdout": read.fileno()})
    spawner.hang_up()
    _hello, (entry,) = spawner.meet()
    numbers = [fd.fileno() for fd in (container.pidfd, entry.pidfd, *entry.kept.values())]
    inheritable = [number for number in numbers if os.get_inheritable(number)]
    close(entry)
    assert inheritable == []


def test_an_end_during_an_upgrade_is_told_afterwards(spawner: Spawner, rootfs: Path) -> None:
    container = spawner.run("abc", plan_for(rootfs, *SLEEP))
    spawner.link.upgrade()
    container.kill()
    assert receive(spawner.link) in (None, Exited("abc", WaitStatus(None, signal.SIGKILL)))
    spawner.hang_up()
    _hello, (entry,) = spawner.meet()
    status = entry.exit or spawner.hear(Exited).status
    assert status == WaitStatus(None, signal.SIGKILL)
    close(entry)


def test_nothing_that_is_kept_reaches_a_payload_after_an_upgrade(spawner: Spawner, rootfs: Path) -> None:
    with pipe() as (read, _write):
        spawner.run("abc", plan_for(rootfs, *SLEEP), keep={"stdout": read.fileno()})
    spawner.link.upgrade()
    assert receive(spawner.link) is None
    spawner.hang_up()
    close(spawner.meet()[1][0])
    with pipe() as (read, write):
        spawner.run("new", plan_for(rootfs, *shell("ls /proc/self/fd")), stdout=write.fileno())
        write.close()
        assert spawner.hear(Exited).id == "new"
        assert os.read(read.fileno(), 1000) == b"0\n1\n2\n3\n"


# ── the end ──


def test_it_ends_when_it_is_told_to(spawner: Spawner) -> None:
    spawner.link.quit()
    assert receive(spawner.link) is None
    assert spawner.wait() == 0


def test_it_does_not_end_while_it_has_a_container(spawner: Spawner, rootfs: Path) -> None:
    container = spawner.run("abc", plan_for(rootfs, *SLEEP))
    spawner.link.quit()
    container.kill()
    assert spawner.hear(Exited).id == "abc"  # its end is still to be forgotten
    spawner.link.quit()
    assert silent(spawner.link)
    spawner.link.forget("abc")
    spawner.link.quit()
    assert receive(spawner.link) is None
    assert spawner.wait() == 0


def test_it_does_not_end_with_its_daemon_nor_by_signals_of_a_terminal(spawner: Spawner) -> None:
    spawner.hang_up()
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(spawner.pid, number)
    assert spawner.meet()[0].pid == spawner.pid


# ── what it imports ──

ALLOWED = (
    *("containerd_py", "containerd_py.light", "containerd_py.light.dataclasses", "containerd_py.typed"),
    *("containerd_py.bytecode_cache", "containerd_py.runtime_cache"),
    *(
        f"containerd_py.light.{name}"
        for name in ("contextlib", "ctypes", "flags", "functools", "importlib", "json", "signal", "socket")
    ),
    *("containerd_py.runtime", "containerd_py.runtime.plan"),
    *("containerd_py.runtime.plan.plan", "containerd_py.runtime.plan.outline"),
)
ALLOWED_BELOW = (
    *("containerd_py.runtime.linux", "containerd_py.runtime.init", "containerd_py.runtime.spawner"),
    "containerd_py.runtime.plan.operations",
)
HEAVY = ("asyncio", "pydantic", "aiohttp", "ssl", "concurrent", "multiprocessing", "subprocess", "ensurepip", "tomllib")


def modules_of_a_role(*more: str) -> list[str]:
    """Import what a role imports, by the very command line that it is started with. more: what it imports by itself."""
    _executable, *flags, bootstrap, package, kept, _role = seal.arguments("spawner")
    assert bootstrap.endswith("import main\nmain()\n")
    imports = "".join(f"import {name}; " for name in more)
    script = bootstrap.removesuffix("main()\n") + imports + "import json; sys.stdout.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, *flags, script, package, kept], capture_output=True, check=True, timeout=LONG_S)
    found: list[str] = json.loads(done.stdout)
    return found


def test_a_worker_holds_the_standard_library_and_the_few_modules_that_it_needs() -> None:
    found = modules_of_a_role()
    assert "containerd_py.runtime.init.worker" in found
    ours = {name for name in found if name.split(".")[0] == "containerd_py"}
    strange = {
        name for name in ours if name not in ALLOWED and not any((name + ".").startswith(f"{p}.") for p in ALLOWED_BELOW)
    }
    assert strange == set()
    others = {name.split(".")[0] for name in found} - {"containerd_py", "__main__"}
    assert others - sys.stdlib_module_names == set()
    assert others & set(HEAVY) == set()


def test_what_codes_archives_is_in_the_spawner_alone() -> None:
    """A launcher starts often; and of what is compressed nothing is used."""
    assert "tarfile" not in modules_of_a_role()
    found = modules_of_a_role("containerd_py.runtime.init.archive")
    assert "tarfile" in found
    others = {name.split(".")[0] for name in found} - {"containerd_py", "__main__"}
    assert others - sys.stdlib_module_names == set()
    assert others & set(HEAVY) == set()


def test_the_side_of_the_daemon_is_not_in_a_worker() -> None:
    assert not {"containerd_py.runtime.spawner.client", "containerd_py.runtime.spawner.seal"} & set(modules_of_a_role())
