"""Attributes of the process and parameters of its namespaces, by what a container sees. Needs root and busybox."""

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import ContainerdError, InvalidArgument
from containerd_py.runtime import WaitStatus
from containerd_py.runtime.linux.process import capget
from tests.integration.runtime.workshop import DEV, PROC, Workshop

SHARED_NETWORK = [{"type": "mount"}, {"type": "pid"}, {"type": "uts"}, {"type": "ipc"}]
OK = WaitStatus(0, None)
_CAP_SYS_RESOURCE = 24


def stat_field(output: str, number: int) -> int:
    """Return a field of /proc/pid/stat, counted from 1 as proc_pid_stat(5) does."""
    return int(output.rpartition(")")[2].split()[number - 3])


@pytest.mark.parametrize("value", [0, 321, 1000])
def test_the_oom_killers_choice(shop: Workshop, value: int) -> None:
    assert shop.run("cat /proc/self/oom_score_adj", {"process.oomScoreAdj": value}) == (OK, f"{value}\n")


def test_the_oom_killers_choice_is_lowered_where_we_may(shop: Workshop) -> None:
    changes = {"process.oomScoreAdj": -500}
    if capget()[0] >> _CAP_SYS_RESOURCE & 1:
        assert shop.run("cat /proc/self/oom_score_adj", changes) == (OK, "-500\n")
        return
    with pytest.raises(InvalidArgument) as caught:
        shop.create(changes)
    assert (caught.value.step, caught.value.errno) == ("oom_score_adj", "EACCES")
    assert caught.value.hint == "it can be raised; to lower it the caller needs CAP_SYS_RESOURCE on the host"


def test_the_oom_killers_choice_without_a_proc_of_the_containers(shop: Workshop) -> None:
    """The procfs that is written to is the worker's own, not the one that a container mounts."""
    container = shop.create({"process.oomScoreAdj": 77, "mounts": [DEV], "process.args": ["sleep", "60"]})
    assert Path(f"/proc/{container.state().pid}/oom_score_adj").read_text() == "77\n"


@pytest.mark.parametrize(
    ("scheduler", "policy", "nice", "priority"),
    [
        ({"policy": "SCHED_OTHER", "nice": 7}, os.SCHED_OTHER, 7, 0),
        ({"policy": "SCHED_BATCH", "nice": -3}, os.SCHED_BATCH, -3, 0),
        ({"policy": "SCHED_IDLE"}, os.SCHED_IDLE, 0, 0),
        ({"policy": "SCHED_FIFO", "priority": 5}, os.SCHED_FIFO, 0, 5),
        ({"policy": "SCHED_RR", "priority": 99}, os.SCHED_RR, 0, 99),
        (
            {
                "policy": "SCHED_DEADLINE",
                "runtime": 10_000_000,
                "deadline": 50_000_000,
                "flags": ["SCHED_FLAG_RESET_ON_FORK"],
            },
            *(6, 0, 0),
        ),
    ],
)
def test_scheduling_policies(shop: Workshop, scheduler: dict[str, Any], policy: int, nice: int, priority: int) -> None:
    changes = {"process.args": ["cat", "/proc/self/stat"], "process.scheduler": scheduler, "process.user": {"uid": 1000}}
    container = shop.create(changes)
    container.start()
    assert container.wait() == OK
    output = shop.read()
    assert (stat_field(output, 41), stat_field(output, 40), stat_field(output, 19)) == (policy, priority, nice)


def test_a_deadline_that_cannot_be_kept_is_told(shop: Workshop) -> None:
    second = 10**9
    scheduler = {"policy": "SCHED_DEADLINE", "runtime": second, "deadline": second}
    first = shop.create({"process.scheduler": scheduler | {"runtime": 9 * second // 10}}, container_id="first")
    problems = []
    for number in range(os.cpu_count() or 1):
        try:
            shop.create({"process.scheduler": scheduler}, container_id=f"next{number}")
        except ContainerdError as problem:
            problems.append((problem.kind, problem.step, problem.errno))
    assert problems[-1:] == [("unavailable", "scheduler", "EBUSY")]
    first.destroy()


@pytest.mark.parametrize(
    ("io_priority", "expected"),
    [
        ({"class": "IOPRIO_CLASS_IDLE"}, "idle"),
        ({"class": "IOPRIO_CLASS_BE", "priority": 7}, "best-effort: prio 7"),
        ({"class": "IOPRIO_CLASS_RT", "priority": 1}, "realtime: prio 1"),
    ],
)
def test_the_priority_of_input_and_output(shop: Workshop, io_priority: dict[str, Any], expected: str) -> None:
    assert shop.run("busybox ionice", {"process.ioPriority": io_priority}) == (OK, f"{expected}\n")


@pytest.mark.parametrize(("domain", "expected"), [("LINUX", os.uname().machine), ("LINUX32", "i686")])
def test_execution_domains(shop: Workshop, domain: str, expected: str) -> None:
    if domain == "LINUX32" and os.uname().machine != "x86_64":
        expected = "armv8l"
    assert shop.run("busybox uname -m", {"linux.personality": {"domain": domain}}) == (OK, f"{expected}\n")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
        ({"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}, "interleave=static:0"),
        ({"mode": "MPOL_LOCAL"}, "local"),
        ({"mode": "MPOL_DEFAULT"}, "default"),
    ],
)
def test_memory_policies(shop: Workshop, policy: dict[str, Any], expected: str) -> None:
    if not os.path.exists("/proc/self/numa_maps"):
        pytest.skip("this kernel has no NUMA policies")
    status, output = shop.run("exec cat /proc/self/numa_maps", {"linux.memoryPolicy": policy})
    assert status == OK
    assert output.split()[1] == expected


def test_a_memory_node_that_the_host_lacks_is_told(shop: Workshop) -> None:
    with pytest.raises(InvalidArgument) as caught:
        shop.create({"linux.memoryPolicy": {"mode": "MPOL_BIND", "nodes": "1023"}})
    assert (caught.value.step, caught.value.errno) == ("memory_policy", "EINVAL")


def test_limits(shop: Workshop) -> None:
    limits = [
        {"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": 2**64 - 1},
    ]
    status, output = shop.run("ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc", {"process.rlimits": limits})
    assert (status, output.split()) == (OK, ["100", "200", "0", "unlimited"])


def test_a_small_limit_does_not_hinder_us(shop: Workshop) -> None:
    """Its own last steps open little: the way to its starter."""
    limits = [{"type": "RLIMIT_NOFILE", "soft": 16, "hard": 16}]
    changes = {"process.rlimits": limits, "process.oomScoreAdj": 5, "process.user": {"uid": 1000}}
    assert shop.run("ulimit -n", changes) == (OK, "16\n")


def test_the_callers_own_limits_are_as_before(shop: Workshop) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    shop.run("true", {"process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 9}]})
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


# ── kernel parameters ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("net.core.somaxconn", "321", "net/core/somaxconn"),
        ("net/ipv4/ip_forward", "1", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.lo.rp_filter", "2", "net/ipv4/conf/lo/rp_filter"),
        ("kernel.msgmax", "4321", "kernel/msgmax"),
        ("kernel.shm_rmid_forced", "1", "kernel/shm_rmid_forced"),
        ("fs.mqueue.msg_max", "12", "fs/mqueue/msg_max"),
        ("kernel.domainname", "lan", "kernel/domainname"),
    ],
)
def test_kernel_parameters_are_the_containers_own(shop: Workshop, key: str, value: str, path: str) -> None:
    host = Path("/proc/sys") / path
    before = host.read_text()
    changes = {"linux.sysctl": {key: value}, "linux.readonlyPaths": ["/proc/sys"]}
    assert shop.run(f"cat /proc/sys/{path}", changes) == (OK, f"{value}\n")
    assert host.read_text() == before != f"{value}\n"


@pytest.mark.parametrize(
    ("key", "value", "number"),
    [
        ("net.core.no_such_thing", "1", "ENOENT"),
        ("net.core.somaxconn", "many", "EINVAL"),
        ("net.ipv4.conf.all", "1", "EISDIR"),
    ],
)
def test_a_parameter_that_the_kernel_refuses_is_told(shop: Workshop, key: str, value: str, number: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        shop.create({"linux.sysctl": {key: value}})
    assert (caught.value.step, caught.value.errno) == ("sysctl", number)
    assert key.replace(".", "/") in caught.value.message
    assert caught.value.hint


def test_a_proc_of_the_images_making_is_not_written_to(shop: Workshop, rootfs: Path) -> None:
    """CVE-2019-16884: what lies below /proc of the container is the image's."""
    (rootfs / "proc/sys/net/core").mkdir(parents=True)
    (rootfs / "proc/sys/net/core/somaxconn").write_text("untouched")
    container = shop.create({"linux.sysctl": {"net.core.somaxconn": "77"}, "mounts": [DEV]})
    assert (rootfs / "proc/sys/net/core/somaxconn").read_text() == "untouched"
    container.destroy()


def test_a_parameter_of_the_hosts_network_is_refused(shop: Workshop) -> None:
    before = Path("/proc/sys/net/core/somaxconn").read_text()
    with pytest.raises(InvalidArgument, match=r"linux\.sysctl\.net\.core\.somaxconn: needs a network namespace"):
        shop.create({"linux.sysctl": {"net.core.somaxconn": "77"}, "linux.namespaces": SHARED_NETWORK})
    assert Path("/proc/sys/net/core/somaxconn").read_text() == before


# ── identity ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_working_directory_that_the_user_could_not_enter(shop: Workshop, rootfs: Path) -> None:
    """Entered before the identity is given up, as runc does: WORKDIR /root with another user is common."""
    (rootfs / "private").mkdir(mode=0o700)
    changes = {"process.cwd": "/private", "process.user": {"uid": 1000}, "process.capabilities": {}}
    status, _output = shop.run("ls /private 2>/dev/null || exit 7", changes)
    assert status == WaitStatus(7, None)


def test_a_directory_that_the_root_lost_is_told(shop: Workshop) -> None:
    tmpfs = {"destination": "/scratch", "type": "tmpfs"}
    status, output = shop.run("pwd", {"process.cwd": "/scratch/a/b", "mounts": [PROC, DEV, tmpfs]})
    assert (status, output) == (OK, "/scratch/a/b\n")
