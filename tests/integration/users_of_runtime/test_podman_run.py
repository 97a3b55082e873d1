"""`podman run`: what a container is given, as it sees it."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.users_of_runtime.podman import IMAGE, Podman

pytestmark = pytest.mark.xdist_group("podman")

_LIMITS = """
cd /sys/fs/cgroup
cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max
cat pids/pids.max 2>/dev/null || cat pids.max
cat cpu/cpu.cfs_quota_us 2>/dev/null || busybox cut -d' ' -f1 cpu.max
grep Cpus_allowed_list /proc/self/status | busybox cut -f2
"""


def test_a_process_and_who_it_is(podman: Podman) -> None:
    told = podman.run(
        *("--user", "1000:55", "--group-add", "77", "--cap-drop", "all", "--cap-add", "net_raw", "--workdir", "/etc"),
        *("--env", "A=b", "--umask", "077", "--oom-score-adj", "100", "--hostname", "box"),
        *("--security-opt", "no-new-privileges", "--sysctl", "net.ipv4.ip_forward=1", IMAGE, "sh", "-c"),
        "id; pwd; echo $A; umask; ulimit -Sn; ulimit -Hn;"
        "cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward; hostname;"
        "grep -e CapEff -e CapBnd -e NoNewPrivs -e Seccomp: /proc/self/status; exit 7",
    )
    assert (told.code, told.stderr) == (7, "")
    assert told.stdout.splitlines() == [
        "uid=1000(user) gid=55(55) groups=55(55),77",
        *("/etc", "b", "0077", "1024", "2048", "100", "1", "box"),
        *("CapEff:\t0000000000002000", "CapBnd:\t0000000000002000", "NoNewPrivs:\t1", "Seccomp:\t2"),
    ]


def test_limits(podman: Podman) -> None:
    given = ("--memory", "64m", "--pids-limit", "20", "--cpus", "0.5", "--cpuset-cpus", "0")
    told = podman.run(*given, IMAGE, "sh", "-c", _LIMITS)
    assert told.ok().stdout.split() == [str(64 << 20), "20", "50000", "0"]


def test_more_tasks_than_allowed(podman: Podman) -> None:
    script = "for i in 1 2 3 4 5 6; do sleep 5 & done"
    told = podman.run("--pids-limit", "4", IMAGE, "sh", "-c", script)
    assert told.code != 0
    assert "can't fork" in told.stderr


def test_as_many_tasks_as_there_may_be(podman: Podman) -> None:
    assert podman.run("--pids-limit", "0", IMAGE, "sh", "-c", "sleep 0 & wait; echo forked").ok().stdout == "forked\n"


def test_more_memory_than_allowed(podman: Podman) -> None:
    box = podman.box("exec busybox tail /dev/zero", "--memory", "32m", "--memory-swap", "32m")
    assert box("wait").ok().stdout == "137\n"


def test_what_is_mounted(podman: Podman, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    told = podman.run(
        *("--read-only", "--tmpfs", "/fresh:size=1m,mode=700", "--tmpfs", "/etc", "--volume", f"{tmp_path}/shared:/rw"),
        *("--volume", f"{tmp_path}/shared:/ro:ro", "--shm-size", "8m", "--security-opt", "mask=/plain", IMAGE, "sh", "-c"),
        """
        touch /new 2>/dev/null || echo refused
        touch /ro/new 2>/dev/null || echo refused
        echo text >/rw/new && cat /ro/new
        busybox stat -c '%a %F' /fresh
        busybox head -c 2000000 /dev/zero 2>/dev/null >/fresh/big || busybox stat -c %s /fresh/big
        grep -c : /etc/passwd && touch /etc/new && echo copied
        busybox df -k /dev/shm | busybox awk 'NR == 2 { print $2 }'
        wc -c </plain
        """,
    )
    assert told.ok().stdout.split("\n") == [
        *("refused", "refused", "text", "700 directory", str(1 << 20), "2", "copied", "8192", "0", ""),
    ]
    assert (tmp_path / "shared/new").read_text() == "text\n"


def test_everything_is_allowed(podman: Podman) -> None:
    """All devices of the host are in the document, described as stat(2) does."""
    status = Path("/proc/self/status").read_text()
    bounding = re.search(r"CapBnd:\s+(\w+)", status)
    assert bounding
    script = "grep CapEff /proc/self/status | busybox cut -f2; busybox stat -c '%F %a %t:%T' /dev/full /dev/kmsg"
    told = podman.run("--privileged", IMAGE, "sh", "-c", script).ok().stdout.splitlines()
    assert told[:2] == [bounding[1], "character special file 666 1:7"]
    assert told[2].endswith(" 1:b")


def test_a_device_that_may_only_be_read(podman: Podman) -> None:
    """kmsg: read from its beginning, and never written."""
    script = "busybox stat -c '%F %t:%T' /dev/log; busybox head -c 1 /dev/log | wc -c; echo x >/dev/log || echo refused"
    told = podman.run("--device", "/dev/kmsg:/dev/log:r", "--security-opt", "seccomp=unconfined", IMAGE, "sh", "-c", script)
    assert told.stdout.splitlines() == ["character special file 1:b", "0", "refused"]
    assert "Operation not permitted" in told.stderr


def test_ids_of_its_own(podman: Podman) -> None:
    told = podman.run("--uidmap", "0:100000:5000", "--tmpfs", "/fresh", IMAGE, "sh", "-c", "cat /proc/self/uid_map; id -u")
    assert told.ok().stdout.split() == ["0", "100000", "5000", "0"]


@pytest.mark.parametrize(
    ("program", "code", "told"),
    [
        ("/bin/nope", 127, "(?i)no such file"),
        ("nope", 127, "nope"),
        ("/etc", 126, "permission denied"),
        ("/plain", 126, "(?i)denied"),
    ],
)
def test_a_program_that_cannot_be(podman: Podman, program: str, code: int, told: str) -> None:
    """The exit codes are podman's, which reads them out of what the runtime says."""
    ended = podman.run(IMAGE, program)
    assert ended.code == code, ended
    assert re.search(told, ended.stderr)


def test_input_and_output(podman: Podman) -> None:
    told = podman.run("--interactive", IMAGE, "sh", "-c", "cat; echo error >&2", stdin="input\n")
    assert (told.code, told.stdout, told.stderr) == (0, "input\n", "error\n")


def test_a_terminal(podman: Podman) -> None:
    master, slave = pty.openpty()
    words = podman.run_words(
        "--rm",
        "--interactive",
        "--tty",
        IMAGE,
        "sh",
        "-c",
        "read line; echo got $line; tty; test -t 1 && test -t 2 && echo all; exit 3",
    )
    with subprocess.Popen(
        [*podman.command, *map(str, words)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=podman.environment(),
        start_new_session=True,
    ) as process:
        os.close(slave)
        os.write(master, b"text\n")
        told = b""
        while chunk := _read(master):
            told += chunk
        assert process.wait(20) == 3
    os.close(master)
    lines = told.decode().replace("\r", "").splitlines()
    assert lines[-3:] == ["got text", "/dev/pts/0", "all"]


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # EIO: nobody has it open any more
        return b""
