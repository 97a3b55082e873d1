"""Checkpoint and restore, by the CRIU that the machine has (runc-checkpoint(8), runc-restore(8))."""

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.criu import tracks_memory, use_criu
from tests.oci.bundle import MOUNTS, namespaces
from tests.oci.console import ConsoleSocket
from tests.oci.containers import Container, Containers, eventually
from tests.oci.runtime import Result, Running

# A configuration file of the machine's own would change what is asked of CRIU.
ALONE = {"annotations": {"org.criu.config": ""}}
COUNTS = ALONE | {
    "process.args": ["/bin/sh", "-c", "i=0; while :; do echo $i >/tmp/n; i=$((i+1)); echo n$i; sleep 0.05; done"]
}
_BOOT_S = 25.0


@pytest.fixture(autouse=True)
def criu(monkeypatch: pytest.MonkeyPatch, runtime_program: str) -> str:
    found = use_criu(monkeypatch)
    if not knows_criu(runtime_program):
        pytest.xfail("crun: was built without CRIU")
    return found


@cache
def knows_criu(program: str) -> bool:
    """Tell whether a runtime was built with CRIU: Debian's crun is not, and says with what it is."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return not told.startswith("crun ") or "+CRIU" in told


@contextmanager
def running(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a command run meanwhile, and end it: however the test ends, it waits for nothing that never comes."""
    null = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=null, stderr=null) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def images(place: Path) -> Path:
    return place / "images"


@pytest.fixture
def console(place: Path) -> Iterator[ConsoleSocket]:
    made = ConsoleSocket(place / "console")
    yield made
    made.close()


class Piped:
    """A container whose output is a pipe, as an engine's; `read_on` reads what has come."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.read, False)
        self.seen = ""

    def await_text(self, text: str) -> str:
        def came() -> bool:
            try:
                self.seen += os.read(self.read, 65_536).decode()
            except BlockingIOError:
                return False
            return text in self.seen

        eventually(lambda: text in self.seen or came(), what=f"{text!r} in the output")
        return self.seen

    def rest(self) -> str:
        """Return all of a payload that has ended."""
        with suppress(BlockingIOError):
            while True:
                self.seen += os.read(self.read, 65_536).decode()
        return self.seen

    def close(self) -> None:
        os.close(self.read)
        os.close(self.write)


@pytest.fixture
def piped() -> Iterator[Piped]:
    made = Piped()
    yield made
    made.close()


other = piped
"""Another one."""


def begin(oci: Containers, piped: Piped, changes: dict[str, Any] | None = None) -> Container:
    box = oci.begin("run", changes or COUNTS, "--detach", stdout=piped.write, stderr=piped.write)
    box.made.wait().ok()
    return box


def checkpoint(box: Container, images: Path, *options: str | Path) -> Result:
    return box.runtime("checkpoint", "--image-path", images, *options, box.id)


def restore(box: Container, images: Path, *options: str | Path, **process: Any) -> Running:
    return box.runtime.begin("restore", "--image-path", images, "--bundle", box.bundle, *options, box.id, **process)


def restored(box: Container, images: Path, piped: Piped, *options: str | Path) -> Container:
    result = restore(box, images, "--detach", *options, stdout=piped.write, stderr=piped.write).wait()
    assert result.code == 0, piped.rest()
    return box


def test_it_goes_on_where_it_was(oci: Containers, piped: Piped, other: Piped, images: Path, place: Path) -> None:
    box = begin(oci, piped)
    piped.await_text("n3\n")
    checkpoint(box, images).ok()
    oci.nothing_left(box.id)
    last = int(re.findall(r"n(\d+)\n", piped.rest())[-1])

    restored(box, images, other, "--pid-file", place / "pid")
    first = int(re.findall(r"n(\d+)\n", other.await_text(f"n{last + 3}\n"))[0])
    assert first in (last, last + 1)
    assert box.status() == "running"
    assert (place / "pid").read_text() == str(box.pid)
    assert box.sh("cat /proc/1/comm") == "sh"
    box.kill().ok()
    box.await_status("stopped")
    box.delete().ok()


def test_it_may_be_left_running(oci: Containers, piped: Piped, images: Path) -> None:
    box = begin(oci, piped)
    piped.await_text("n1\n")
    pid = box.pid
    checkpoint(box, images, "--leave-running", "--work-path", images.parent / "work").ok()
    assert (box.status(), box.pid) == ("running", pid)
    assert (images / "inventory.img").exists()
    assert (images.parent / "work/dump.log").exists()
    piped.seen = ""
    piped.await_text("n")


@pytest.fixture
def shared_mounts(oci: Containers) -> Iterator[None]:
    """All commands are run where every mount is shared, as systemd has them."""
    with running("/usr/bin/unshare", "--mount", "--propagation", "shared", "sleep", "1000") as holder:
        place = f"/proc/{holder.pid}/ns/mnt"
        eventually(lambda: os.readlink(place) != os.readlink("/proc/self/ns/mnt"), what="the namespace")
        eventually(lambda: " shared:" in Path(f"/proc/{holder.pid}/mountinfo").read_text(), what="shared mounts")
        oci.runtime.through = ("/usr/bin/nsenter", f"--mount={place}")
        yield
        oci.close()
        oci.runtime.through = ()


@pytest.mark.lacks("crun", "has no such option")
def test_the_criu_that_is_named_is_used(oci: Containers, piped: Piped, images: Path, place: Path, criu: str) -> None:
    box = begin(oci, piped)
    piped.await_text("n1\n")
    asked: tuple[str | Path, ...] = ("checkpoint", "--leave-running", "--image-path", images, box.id)
    wrong = box.runtime("--criu", place / "none", *asked)
    assert (wrong.code, str(place / "none") in wrong.stderr) == (1, True)
    box.runtime("--criu", criu, *asked).ok()


@pytest.mark.usefixtures("shared_mounts")
def test_where_the_hosts_mounts_are_shared(oci: Containers, piped: Piped, images: Path) -> None:
    box = begin(oci, piped)
    slaves = [line for line in box.sh("cat /proc/self/mountinfo").splitlines() if " master:" in line]
    assert [line.split()[4] for line in slaves] == ["/"]
    checkpoint(box, images).ok()
    piped.rest()
    piped.seen = ""
    restored(box, images, piped)
    piped.await_text("n")


def test_a_copy_runs_beside_it(oci: Containers, piped: Piped, other: Piped, images: Path) -> None:
    box = begin(oci, piped)
    piped.await_text("n1\n")
    checkpoint(box, images, "--leave-running").ok()
    copy = Container(oci.runtime, oci.fresh_id(), box.bundle, box.made)
    oci.made.append(copy)
    oci.configure(COUNTS, copy.id)
    restored(copy, images, other)
    other.await_text("n")
    assert (box.status(), copy.status()) == ("running", "running")
    assert f"/{copy.id}" in Path(f"/proc/{copy.pid}/cgroup").read_text()
    copy.delete("--force").ok()
    assert box.status() == "running"


def test_one_that_is_paused_stays_so(oci: Containers, piped: Piped, images: Path) -> None:
    box = begin(oci, piped)
    piped.await_text("n1\n")
    box.runtime("pause", box.id).ok()
    checkpoint(box, images, "--leave-running").ok()
    assert box.status() == "paused"
    box.runtime("resume", box.id).ok()
    assert box.status() == "running"


def test_in_the_foreground_its_exit_code_comes_back(oci: Containers, piped: Piped, images: Path) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    box = begin(oci, piped, ALONE | {"process.args": ["/bin/sh", "-c", script]})
    piped.await_text("ready\n")
    checkpoint(box, images).ok()
    running = restore(box, images, stdin=subprocess.DEVNULL, stdout=piped.write, stderr=piped.write)
    eventually(lambda: box.runtime("state", box.id).code == 0, what="the container")
    box.await_status("running")
    running.process.terminate()
    assert running.process.wait(_BOOT_S) == 7
    piped.await_text("bye\n")
    oci.nothing_left(box.id)


def test_the_terminal_is_sent_to_the_console_socket(oci: Containers, console: ConsoleSocket, images: Path) -> None:
    changes = ALONE | {"process.args": ["/bin/sh"], "process.terminal": True}
    box = oci.create(changes, "--console-socket", console.path)
    with console.terminal() as terminal:
        box.start()
        terminal.write("there=yes; echo $((6*7))\n")
        terminal.await_text("\n42")
        checkpoint(box, images).ok()
    again = restore(box, images, "--detach", "--console-socket", console.path)
    with console.terminal() as terminal:
        again.wait().ok()
        terminal.write("echo there=$there, $((7*8))\n")
        terminal.await_text("\nthere=yes, 56")
        terminal.write("exit\n")
        box.await_status("stopped")


@pytest.mark.lacks("runc", "the loopback interface of a restored network is down")
def test_a_connection_is_kept(oci: Containers, piped: Piped, images: Path) -> None:
    script = (
        "mkfifo /tmp/in; (while :; do cat /tmp/in; done) | nc -l -p 4000 >/dev/null & "
        "until netstat -ltn | grep -q :4000; do sleep 0.05; done; sleep 1000 | nc 127.0.0.1 4000"
    )
    box = begin(oci, piped, ALONE | {"process.args": ["/bin/sh", "-c", script]})
    eventually(lambda: "ESTABLISHED" in box.sh("netstat -tn"), what="the connection")
    refused = checkpoint(box, images)
    assert refused.code == 1
    assert "Connected TCP socket" in refused.stderr
    assert box.status() == "running"
    checkpoint(box, images, "--tcp-established").ok()
    restored(box, images, piped, "--tcp-established")
    box.sh("echo still here >/tmp/in")
    piped.await_text("still here\n")


@pytest.mark.lacks("runc", "CRIU leaves the second one writable")
def test_mounts_are_as_protected_as_they_were(oci: Containers, piped: Piped, images: Path, place: Path) -> None:
    volume = place / "volume"
    volume.mkdir()
    bind = {"type": "bind", "source": str(volume)}
    options = ["rbind", "ro", "nosuid", "nodev", "noexec"]
    mounts = [*MOUNTS, *(bind | {"destination": f"/mnt/{name}", "options": options} for name in ("a", "b", "c"))]
    box = begin(
        oci, piped, COUNTS | {"mounts": mounts, "linux.maskedPaths": ["/proc/keys", "/proc/timer_list", "/proc/acpi"]}
    )

    def attributes() -> dict[str, set[str]]:
        lines = (line.split() for line in box.sh("cat /proc/self/mountinfo").splitlines())
        return {words[4]: set(words[5].split(",")) for words in lines}

    before = attributes()
    assert {"ro", "nosuid", "nodev", "noexec"} <= before["/mnt/c"]
    checkpoint(box, images).ok()
    restored(box, images, piped)
    assert attributes() == before


def test_limits_and_namespaces_are_its_own_again(oci: Containers, piped: Piped, images: Path) -> None:
    limits = {"memory": {"limit": 64 << 20}, "pids": {"limit": 33}}
    own = namespaces(cgroup="")
    box = begin(oci, piped, COUNTS | {"linux.resources": limits, "linux.namespaces": own})
    before = box.sh("cat /proc/1/cgroup")
    checkpoint(box, images).ok()
    restored(box, images, piped)
    assert box.sh("cat /proc/1/cgroup") == before
    assert f"/{box.id}" in Path(f"/proc/{box.pid}/cgroup").read_text()
    hosts = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("cgroup", "pid", "net", "mnt", "ipc", "uts")}
    assert not [kind for kind, link in hosts.items() if os.readlink(f"/proc/{box.pid}/ns/{kind}") == link]


def test_a_network_of_others_is_joined_again(oci: Containers, piped: Piped, images: Path) -> None:
    with running("/usr/bin/unshare", "--net", "sleep", "1000") as other:
        eventually(
            lambda: os.readlink(f"/proc/{other.pid}/ns/net") != os.readlink("/proc/self/ns/net"), what="the namespace"
        )
        path = f"/proc/{other.pid}/ns/net"
        box = begin(oci, piped, COUNTS | {"linux.namespaces": namespaces(network=path)})
        checkpoint(box, images).ok()
        restored(box, images, piped)
        assert os.readlink(f"/proc/{box.pid}/ns/net") == os.readlink(path)


def test_hooks_of_the_host_are_run(oci: Containers, piped: Piped, images: Path, place: Path) -> None:
    told = place / "told"
    hooks = {
        name: [{"path": "/bin/sh", "args": ["sh", "-c", f"echo {name} >>{told}"]}]
        for name in ("prestart", "createRuntime", "poststart", "poststop")
    }
    box = begin(oci, piped, COUNTS | {"hooks": hooks})
    told.unlink()
    checkpoint(box, images).ok()
    assert told.read_text().split() == ["poststop"]
    restored(box, images, piped)
    assert told.read_text().split() == ["poststop", "prestart", "createRuntime"]


def test_a_hook_that_fails_leaves_nothing(oci: Containers, piped: Piped, images: Path) -> None:
    box = begin(oci, piped)
    checkpoint(box, images).ok()
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "echo this went wrong; exit 3"]}
    oci.configure(COUNTS | {"hooks": {"createRuntime": [hook]}}, box.id)
    refused = restore(box, images, "--detach").wait()
    assert refused.code == 1
    assert "this went wrong" in refused.stderr
    oci.nothing_left(box.id)


@pytest.mark.lacks("runc", "CRIU is not told of streams that are files of the host")
def test_streams_that_are_the_hosts_files(oci: Containers, images: Path, place: Path) -> None:
    output = place / "output"
    with output.open("ab") as file:
        box = oci.begin("run", COUNTS, "--detach", stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        box.made.wait().ok()
        eventually(lambda: "n2\n" in output.read_text(), what="output")
        checkpoint(box, images).ok()
        last = int(re.findall(r"n(\d+)\n", output.read_text())[-1])
        restore(box, images, "--detach", stdin=subprocess.DEVNULL, stdout=file, stderr=file).wait().ok()
        eventually(lambda: f"n{last + 2}\n" in output.read_text(), what="more output")


def test_pages_go_to_a_page_server(oci: Containers, piped: Piped, images: Path, place: Path, criu: str) -> None:
    box = begin(oci, piped)
    piped.await_text("n1\n")
    pages = place / "pages"
    pages.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = ("--address", "127.0.0.1", "--port", str(port))
    with running(criu, "page-server", "--images-dir", pages, *listen) as server:
        eventually(lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text(), what="the page server")
        checkpoint(box, images, "--page-server", f"127.0.0.1:{port}").ok()
        server.wait(_BOOT_S)
    assert list(pages.glob("pages-*.img"))
    assert not list(images.glob("pages-*.img"))


def test_pre_dump(oci: Containers, piped: Piped, images: Path, place: Path) -> None:
    box = begin(oci, piped)
    piped.await_text("n1\n")
    first = checkpoint(box, place / "first", "--pre-dump")
    if not tracks_memory():
        assert first.code == 1
        assert "track" in first.stderr or "missing features" in first.stderr  # runc
        assert box.status() == "running"
        return
    first.ok()
    assert box.status() == "running"
    checkpoint(box, images, "--parent-path", "../first").ok()
    assert (images / "parent").resolve() == place / "first"
    piped.seen = ""
    restored(box, images, piped)
    piped.await_text("n")


@pytest.mark.parametrize(
    ("options", "about"),
    [
        (["--manage-cgroups-mode", "some"], "manage"),
        (["--empty-ns", "pid"], "pid"),
        (["--page-server", "here"], "page-server"),
        (["--parent-path", "/tmp"], "relative"),
        (["--parent-path", "../none"], "parent-path"),
    ],
)
def test_what_cannot_be_asked_for(oci: Containers, images: Path, options: list[str], about: str) -> None:
    box = oci.start(ALONE)
    refused = checkpoint(box, images, *options)
    assert refused.code == 1
    assert about in refused.stderr
    assert box.status() == "running"


def test_one_that_has_not_begun_or_has_ended(oci: Containers, images: Path) -> None:
    box = oci.create(ALONE)
    assert "created" in checkpoint(box, images).stderr
    box.start()
    box.await_status("stopped")
    assert "stopped" in checkpoint(box, images).stderr


@pytest.mark.parametrize("damage", ["none", "empty", "cut"])
def test_images_that_are_none(oci: Containers, piped: Piped, images: Path, damage: str) -> None:
    box = begin(oci, piped)
    checkpoint(box, images).ok()
    if damage == "none":
        images = images.parent / "elsewhere"
    elif damage == "empty":
        for one in images.iterdir():
            one.unlink()
    else:
        (images / "core-1.img").write_bytes((images / "core-1.img").read_bytes()[:20])
    refused = restore(box, images, "--detach").wait()
    assert refused.code == 1
    assert refused.stderr
    oci.nothing_left(box.id)
    assert str(box.bundle) not in Path("/proc/self/mountinfo").read_text()


def test_an_id_that_is_taken(oci: Containers, piped: Piped, images: Path) -> None:
    box = begin(oci, piped)
    checkpoint(box, images, "--leave-running").ok()
    assert restore(box, images, "--detach").wait().code == 1
    assert box.status() == "running"


@pytest.mark.lacks("runc", "the root stays mounted in its state directory, and CRIU may stay too", run=False)
def test_one_that_is_killed_meanwhile_leaves_nothing(oci: Containers, piped: Piped, images: Path) -> None:
    box = begin(oci, piped)
    checkpoint(box, images).ok()
    running = restore(box, images, "--detach", stdout=piped.write, stderr=piped.write)
    time.sleep(0.1)
    running.process.kill()
    running.process.wait()
    box.delete("--force").ok()
    oci.nothing_left(box.id)
    mounts = Path("/proc/self/mountinfo").read_text()
    assert (str(box.bundle) in mounts, str(oci.runtime.root) in mounts) == (False, False)
