"""R6: what is written below /proc reaches the kernel, and only what is the container's, whatever an image has there.

[CVE-2019-16884, CVE-2019-19921, CVE-2022-0811, CVE-2025-52881]
"""

from pathlib import Path

import pytest

from tests.oci.bundle import MOUNTS, PROC, namespaces
from tests.oci.containers import Containers
from tests.security.conftest import SENTINEL, untouched

FORWARD = {"linux.sysctl": {"net.ipv4.ip_forward": "1"}}
WITHOUT_PROC = [one for one in MOUNTS if one is not PROC]
HOSTS = ("kernel/core_pattern", "kernel/hostname", "kernel/domainname", "kernel/panic", "vm/swappiness", "kernel/shmmax")


def of_the_host() -> dict[str, str]:
    return {name: Path(f"/proc/sys/{name}").read_text() for name in HOSTS}


@pytest.mark.lacks("runc<1.2.8", "CVE-2025-52881: writes to the image's file")
@pytest.mark.parametrize("made", ["file", "link", "directory"])
def test_a_proc_of_the_images_is_not_written_to(oci: Containers, outside: Path, made: str) -> None:
    (oci.rootfs / "sentinel").write_text(SENTINEL)
    place = oci.rootfs / "proc/sys/net/ipv4/ip_forward"
    place.parent.mkdir(parents=True)
    if made == "link":
        place.symlink_to("/sentinel")
    elif made == "directory":
        place.parent.rmdir()
        place.parent.symlink_to("/way")
        (oci.rootfs / "way").mkdir()
        (oci.rootfs / "way/ip_forward").write_text(SENTINEL)
    else:
        place.write_text(SENTINEL)
    oci.run({**FORWARD, "mounts": WITHOUT_PROC})
    found = (oci.rootfs / "sentinel").read_text(), place.read_text() if made == "file" else SENTINEL
    assert found == (SENTINEL, SENTINEL)
    assert made != "directory" or (oci.rootfs / "way/ip_forward").read_text() == SENTINEL


@pytest.mark.parametrize("destination", ["/proc", "/proc/sys", "/proc/sys/net", "/proc/self", "/proc/thread-self/attr"])
def test_what_is_mounted_over_proc_is_refused_or_not_written_to(oci: Containers, outside: Path, destination: str) -> None:
    for name in ("sys/net/ipv4", "net/ipv4", "ipv4"):
        (outside.parent / "over" / name).mkdir(parents=True)
        (outside.parent / "over" / name / "ip_forward").write_text(SENTINEL)
    over = {"destination": destination, "type": "bind", "source": str(outside.parent / "over"), "options": ["rbind"]}
    oci.run({**FORWARD, "mounts": [*MOUNTS, over]})
    for found in (outside.parent / "over").rglob("ip_forward"):
        assert found.read_text() == SENTINEL


INJECTED = [
    "kernel.core_pattern",
    "kernel/core_pattern",
    "kernel.shm_rmid_forced=1+kernel.core_pattern",
    "kernel.shm_rmid_forced\nkernel.core_pattern",
    "net.ipv4.ip_forward/../../../kernel/core_pattern",
    "net/../kernel/core_pattern",
    "net/ipv4/../../kernel/core_pattern",
    "net.ipv4......kernel.core_pattern",
    "../../../../sentinel",
    "fs.mqueue/../../kernel/core_pattern",
    "/kernel/core_pattern",
    "net.",
    ".net.ipv4.ip_forward",
    "vm.swappiness",
    "kernel.hostname\0",
    "kernel.panic",
    "fs.file-max",
    "user.max_user_namespaces",
    "net.ipv4.ip_forward ",
    "NET.ipv4.ip_forward",
]


@pytest.mark.parametrize("name", INJECTED)
def test_no_name_leads_to_a_parameter_of_the_hosts(oci: Containers, outside: Path, name: str) -> None:
    before = of_the_host()
    told = oci.run({"linux.sysctl": {name: "1"}})
    assert of_the_host() == before
    assert told.code
    untouched(outside)


@pytest.mark.parametrize("value", ["1\nkernel.core_pattern=x", "1+kernel.panic=1", "1\0", "x" * 5000])
def test_no_value_is_another_parameter(oci: Containers, value: str) -> None:
    before = of_the_host()
    oci.run({"linux.sysctl": {"net.ipv4.ip_forward": value}})
    assert of_the_host() == before


@pytest.mark.parametrize(
    ("name", "kind"), [("kernel.shmmax", "ipc"), ("net.ipv4.ip_forward", "network"), ("fs.mqueue.queues_max", "ipc")]
)
def test_a_namespace_that_is_the_hosts_by_its_path_is_the_hosts(oci: Containers, name: str, kind: str) -> None:
    """/proc/1/ns/ipc is as good as none."""
    path = f"/proc/1/ns/{'net' if kind == 'network' else kind}"
    before = Path(f"/proc/sys/{name.replace('.', '/')}").read_text()
    oci.refused({"linux.sysctl": {name: before.strip()}, "linux.namespaces": namespaces(**{kind: path})})
    assert Path(f"/proc/sys/{name.replace('.', '/')}").read_text() == before


READ_ONLY = {
    "linux.readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger"],
    "linux.maskedPaths": ["/proc/kcore", "/proc/keys"],
}


def test_a_payload_writes_nothing_of_the_hosts(oci: Containers) -> None:
    before = of_the_host()
    writes = [
        *(f"echo 1 > /proc/sys/{name}" for name in HOSTS),
        "echo b > /proc/sysrq-trigger",
        "echo 0 > /proc/1/oom_score_adj",
    ]
    told = oci.sh(f"({'; '.join(writes)}; head -c 1 /proc/kcore) 2>/dev/null; echo end", READ_ONLY)
    assert told.endswith("end")
    assert of_the_host() == before
