"""Figures from the text of control files, and the document that is made of them."""

import json
from pathlib import Path

import pytest

from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.cgroups.stats import collect, v1, v2
from containerd_py.runtime.cgroups.stats.figures import (
    BlockEntry,
    BlockIo,
    Cpu,
    CpuSet,
    Memory,
    Pids,
    Pressure,
    Rdma,
    Stall,
    Stats,
    Usage,
)

V2 = {
    "cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 2\nthrottled_usec 7",
    "cpu.pressure": "some avg10=1.50 avg60=0.25 avg300=0.00 total=9\nfull avg10=0.50 avg60=0.00 avg300=0.00 total=3",
    "memory.current": "8192",
    "memory.max": "16384",
    "memory.peak": "12288",
    "memory.events": "low 0\nhigh 0\nmax 5\noom 1\noom_kill 1",
    "memory.swap.current": "4096",
    "memory.swap.max": "max",
    "memory.stat": "anon 4096\nfile 3000\nshmem 1000\nkernel 500\nsock 5",
    "pids.current": "3",
    "pids.max": "max",
    "io.stat": "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.usage=7\n8:16",
    "hugetlb.2MB.current": "2097152",
    "hugetlb.2MB.max": "max",
    "hugetlb.2MB.rsvd.current": "4194304",
    "hugetlb.2MB.rsvd.max": "8388608",
    "hugetlb.2MB.events": "max 6",
    "rdma.current": "mlx5_1 hca_handle=2 hca_object=20",
    "rdma.max": "mlx5_1 hca_handle=3 hca_object=max",
    "cgroup.events": "populated 1\nfrozen 0",
}
V1 = {
    "cpuacct": {
        "cpuacct.usage": "300",
        "cpuacct.stat": "user 2\nsystem 1",
        "cpuacct.usage_percpu": "200 100",
        "cpuacct.usage_percpu_user": "150 50",
        "cpuacct.usage_percpu_sys": "50 50",
    },
    "cpu": {"cpu.shares": "1024", "cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 7"},
    "memory": {
        "memory.usage_in_bytes": "8192",
        "memory.limit_in_bytes": "16384",
        "memory.max_usage_in_bytes": "12288",
        "memory.failcnt": "5",
        "memory.memsw.usage_in_bytes": "9000",
        "memory.memsw.limit_in_bytes": "9223372036854771712",
        "memory.kmem.usage_in_bytes": "100",
        "memory.stat": "cache 1\nrss 2\ntotal_cache 3000\ntotal_rss 4096\ntotal_shmem 1000",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1",
    },
    "pids": {"pids.current": "3", "pids.max": "10"},
    "cpuset": {
        "cpuset.cpus": "0-1,4",
        "cpuset.mems": "",
        "cpuset.sched_load_balance": "1",
        "cpuset.sched_relax_domain_level": "-1",
    },
    "blkio": {
        "blkio.reset_stats": "",
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3",
        "blkio.throttle.io_serviced_recursive": "8:0 Read 1\nTotal 1",
    },
    "hugetlb": {"hugetlb.2MB.usage_in_bytes": "5", "hugetlb.2MB.limit_in_bytes": "6", "hugetlb.2MB.failcnt": "7"},
}


def lay_out(directory: Path, texts: dict[str, str]) -> str:
    directory.mkdir()
    for name, text in texts.items():
        (directory / name).write_text(f"{text}\n")
    return str(directory)


def test_cgroup_v2(tmp_path: Path) -> None:
    assert collect(Cgroup(lay_out(tmp_path / "v2", V2), ())) == Stats(
        cpu=Cpu(
            usage_ns=30000,
            user_ns=20000,
            kernel_ns=10000,
            periods=4,
            throttled_periods=2,
            throttled_ns=7000,
            pressure=Pressure(Stall(1.5, 0.25, 0.0, 9), Stall(0.5, 0.0, 0.0, 3)),
        ),
        memory=Memory(
            usage=Usage(8192, 16384, 12288, 5),
            swap=Usage(12288, None),
            kernel=Usage(500),
            kernel_tcp=Usage(5),
            cache=3000,
            anon=4096,
            file=2000,
            oom_kills=1,
            raw={"anon": 4096, "file": 3000, "shmem": 1000, "kernel": 500, "sock": 5},
        ),
        pids=Pids(3, None),
        block_io=BlockIo(
            (BlockEntry(8, 0, "Read", 1), BlockEntry(8, 0, "Write", 2), BlockEntry(8, 0, "Discard", 0)),
            (BlockEntry(8, 0, "Read", 3), BlockEntry(8, 0, "Write", 4), BlockEntry(8, 0, "Discard", 0)),
        ),
        hugetlb={"2MB": Usage(4194304, 8388608, 0, 6)},
        rdma={"mlx5_1": Rdma(2, 20, 3, None)},
    )


def test_cgroup_v1(tmp_path: Path) -> None:
    found = collect(Cgroup(None, tuple(lay_out(tmp_path / name, texts) for name, texts in V1.items())))
    assert found == Stats(
        cpu=Cpu(300, 20_000_000, 10_000_000, (200, 100), (150, 50), (50, 50), 4, 2, 7),
        memory=Memory(
            usage=Usage(8192, 16384, 12288, 5),
            swap=Usage(9000, None),
            kernel=Usage(100),
            cache=3000,
            anon=4096,
            file=2000,
            oom_kills=1,
            raw={"cache": 1, "rss": 2, "total_cache": 3000, "total_rss": 4096, "total_shmem": 1000},
        ),
        pids=Pids(3, 10),
        block_io=BlockIo(
            (BlockEntry(8, 0, "Read", 1), BlockEntry(8, 0, "Write", 2), BlockEntry(8, 0, "Total", 3)),
            (BlockEntry(8, 0, "Read", 1),),
        ),
        hugetlb={"2MB": Usage(5, 6, 0, 7)},
        cpuset=CpuSet((0, 1, 4), (), {"sched_load_balance": 1, "sched_relax_domain_level": -1}),
    )


def test_both(tmp_path: Path) -> None:
    """On a host with both, v2 tells the CPU and the pressure of a container that has joined few hierarchies of v1."""
    unified = {name: V2[name] for name in ("cpu.stat", "cpu.pressure", "cgroup.events")}
    cgroup = Cgroup(lay_out(tmp_path / "v2", unified), (lay_out(tmp_path / "memory", V1["memory"]),))
    found = collect(cgroup)
    assert (found.cpu.usage_ns, found.memory.usage.usage) == (30000, 8192)
    assert found.cpu.pressure is not None
    assert found.memory.pressure is None


@pytest.mark.parametrize("cgroup", [Cgroup(None, ()), Cgroup("/nowhere", ("/nowhere/1",))])
def test_a_container_without_figures(cgroup: Cgroup) -> None:
    assert collect(cgroup) == Stats()
    json.dumps(collect(cgroup).document())


def test_swap_of_v2_is_told_with_memory() -> None:
    texts = {"memory.current": "1", "memory.max": "10", "memory.swap.current": "2", "memory.swap.max": "20"}
    assert v2.memory(texts.get).swap == Usage(3, 30)


def test_operations_of_block_io_come_from_the_first_files_that_tell_any() -> None:
    texts = {
        "blkio.bfq.io_service_bytes_recursive": "Total 0",
        "blkio.bfq.io_serviced_recursive": "Total 0",
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096",
        "blkio.throttle.io_service_bytes": "8:0 Read 1",
    }
    assert v1.block_io(texts.get).bytes == (BlockEntry(8, 0, "Read", 4096),)


@pytest.mark.parametrize("text", [None, "", "some", "full avg10=0.00"])
def test_pressure_that_is_not_told(text: str | None) -> None:
    assert v2.pressure(text) == (Pressure() if text == "some" else None)


def test_the_document(tmp_path: Path) -> None:
    """The names are those of opencontainers/runc, types/events.go."""
    told = collect(Cgroup(lay_out(tmp_path / "v2", V2), ())).document()
    json.dumps(told)
    assert told["cpu"] == {
        "usage": {"total": 30000, "kernel": 10000, "user": 20000},
        "throttling": {"periods": 4, "throttledPeriods": 2, "throttledTime": 7000},
        "psi": {
            "some": {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0, "total": 9},
            "full": {"avg10": 0.5, "avg60": 0.0, "avg300": 0.0, "total": 3},
        },
    }
    assert told["memory"]["usage"] == {"limit": 16384, "usage": 8192, "max": 12288, "failcnt": 5}
    assert told["memory"]["swap"]["limit"] == 2**64 - 1
    assert told["memory"]["raw"]["anon"] == 4096
    assert told["pids"] == {"current": 3}
    assert told["blkio"]["ioServiceBytesRecursive"][0] == {"major": 8, "minor": 0, "op": "Read", "value": 1}
    assert told["hugetlb"] == {"2MB": {"usage": 4194304, "max": 0, "failcnt": 6}}


def test_figures_for_each_cpu_are_in_the_document() -> None:
    told = Stats(cpu=Cpu(per_cpu_ns=(1, 2), per_cpu_user_ns=(3,), per_cpu_kernel_ns=(4,)), pids=Pids(1, 9)).document()
    assert told["cpu"]["usage"] == {
        "total": 0,
        "percpu": [1, 2],
        "percpu_kernel": [4],
        "percpu_user": [3],
        "kernel": 0,
        "user": 0,
    }
    assert told["pids"] == {"current": 1, "limit": 9}


def test_the_cpuset_is_in_the_document() -> None:
    told = Stats(cpuset=CpuSet((0, 2), (), {"sched_relax_domain_level": -1})).document()["cpuset"]
    assert told == {
        "cpus": [0, 2],
        **dict.fromkeys(("cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page"), 0),
        **dict.fromkeys(("memory_spread_slab", "memory_pressure", "sched_load_balance"), 0),
        "sched_relax_domain_level": -1,
    }
