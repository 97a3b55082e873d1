"""R2, R4: what a payload can look into while others enter its container holds nothing of the host's, and cannot be changed.

[CVE-2016-9962, CVE-2019-5736] The watcher looks into each process by environ, cmdline, mem, process_vm_readv and
ptrace, and writes to the program of each that is none of the image's.
"""

import os
import re

import pytest

from tests.oci.bundle import CAPABILITIES
from tests.oci.containers import Container, Containers
from tests.security.conftest import Attack, Often

HALVES = ("pycontainerd-ca", f"nary-{os.getpid()}")
CANARY = "".join(HALVES)
_ALL = [*CAPABILITIES, "CAP_SYS_PTRACE"]
TRACER = {"bounding": _ALL, "effective": _ALL, "permitted": _ALL}


def watching(oci: Containers, attack: Attack, capabilities: dict[str, list[str]] | None) -> Container:
    attack("watcher", oci.rootfs / "bin/watcher")
    changes = {"process.args": ["/bin/watcher", *HALVES]}
    if capabilities:
        changes["process.capabilities"] = capabilities  # type: ignore[assignment]
    return oci.start(changes).await_output("watching")


def told(box: Container) -> dict[str, int]:
    """Have the watcher end; return what it counted."""
    (box.bundle / "rootfs/stop").touch()
    box.await_output("looks ")
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", box.output().splitlines()[-1])}


_CRUN = pytest.mark.lacks("crun", "has its caller's environment in what enters")


@pytest.mark.parametrize("capabilities", [None, pytest.param(TRACER, marks=_CRUN)], ids=["usual", "CAP_SYS_PTRACE"])
def test_no_secret_of_the_caller_is_in_what_enters(
    oci: Containers, attack: Attack, often: Often, capabilities: dict[str, list[str]] | None
) -> None:
    """Of the caller's environment, and of another container's."""
    secret = {"process.env": ["PATH=/bin", f"CANARY={CANARY}"], "process.args": ["/bin/sleep", "1000"]}
    other = oci.create(secret).start()
    box = watching(oci, attack, capabilities)
    executed = often(15, 500)
    for _ in range(executed):
        box.runtime("exec", box.id, "/bin/true", env=os.environ | {"CANARY": CANARY}).ok()
    counted = told(box)
    assert (counted["found"], counted["written"]) == (0, 0), box.output()
    assert counted["seen"] >= min(executed, 10) // 2, "it saw few of those who entered"
    assert other.status() == "running"


def test_the_watcher_finds_what_is_there(oci: Containers, attack: Attack) -> None:
    """Of its own container's processes: else the test above would show nothing."""
    box = watching(oci, attack, TRACER)
    running = box.runtime.begin("exec", "--env", f"CANARY={CANARY}", box.id, "/bin/sleep", "1000")
    box.await_output("found in")
    counted = told(box)
    assert counted["found"] > 0
    assert counted["attached"] > 0
    box.kill()
    running.wait()
