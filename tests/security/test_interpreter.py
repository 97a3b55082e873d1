"""R1: the program of the host that a container executes is not the container's to change. [CVE-2019-5736]

The image brings its own dynamic loader, which keeps /proc/self/exe open and has a script write to it, again and again, also
after the process that executed it is another program.
"""

import fcntl
import hashlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oci.containers import Container, Containers
from tests.security.conftest import Attack

LOADERS = ("lib64/ld-linux-x86-64.so.2", "lib/ld-linux-aarch64.so.1", "lib/ld-musl-x86_64.so.1")

OVERWRITE = """
echo tries
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    { echo overwritten >> /proc/self/fd/$1; } 2>/dev/null && echo written
    { echo overwritten > /proc/self/fd/$1; } 2>/dev/null && echo written
done
echo tried
"""
"""Appending needs no right to truncate, which a seal takes first."""

_F_GET_SEALS = 1034
_ALL_SEALS = 0x1 | 0x2 | 0x4 | 0x8


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(autouse=True)
def programs_are_as_they_were(runtime_program: str) -> Iterator[None]:
    """Those that a runtime executes: itself, and its interpreter."""
    paths = {Path(found).resolve() for found in (shutil.which(runtime_program), sys.executable) if found}
    before = {path: digest(path) for path in paths}
    yield
    assert {path: digest(path) for path in paths} == before


@pytest.fixture
def armed(rootfs: Path, attack: Attack) -> Path:
    """A root file system with the loader, and with what leads to /proc/self/exe."""
    for loader in LOADERS:
        attack("loader", rootfs / loader)
    (rootfs / "overwrite").write_text(OVERWRITE)
    (rootfs / "bin/to-exe").symlink_to("/proc/self/exe")
    for name, program in (("exe-script", "/proc/self/exe"), ("link-script", "/bin/to-exe")):
        (rootfs / "bin" / name).write_text(f"#!{program}\n")
        (rootfs / "bin" / name).chmod(0o755)
    return rootfs


WAYS = [
    "/proc/self/exe",
    "/proc/1/exe",
    "/bin/to-exe",
    "/bin/exe-script",
    "/bin/link-script",
    "/proc/self/root/proc/self/exe",
]


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("program", WAYS)
def test_the_entrypoint_is_the_runtimes_own_program(oci: Containers, program: str) -> None:
    told = oci.run({"process.args": [program]})
    assert "written" not in told.stdout
    assert told.code or "tried" in told.stdout


@pytest.mark.usefixtures("armed")
@pytest.mark.parametrize("program", WAYS)
def test_what_is_executed_further_is_the_runtimes_own_program(oci: Containers, program: str) -> None:
    told = oci.start().exec(program)
    assert "written" not in told.stdout
    assert told.code or "tried" in told.stdout


@pytest.mark.usefixtures("armed")
def test_without_rights_dropped_it_is_no_different(oci: Containers) -> None:
    """As root with every capability that a container has by default, and no filter."""
    told = oci.run({"process.args": ["/proc/self/exe"], "process.noNewPrivileges": False, "process.capabilities": None})
    assert "written" not in told.stdout


@pytest.mark.lacks("crun", "executes a copy, and goes on as its own program")
@pytest.mark.lacks("runc", "executes a copy whose name is another's")
def test_what_waits_for_its_start_is_a_sealed_copy(oci: Containers) -> None:
    box: Container = oci.create()
    with Path(f"/proc/{box.pid}/exe").open("rb") as program:
        assert fcntl.fcntl(program, _F_GET_SEALS) & _ALL_SEALS == _ALL_SEALS
    assert "memfd:pycontainerd" in str(Path(f"/proc/{box.pid}/exe").readlink())
