"""R11: payloads that attack a further process of their container, before it is executed or when it ends."""

from tests.oci.containers import Containers, eventually
from tests.security.conftest import Attack

_ATTEMPTS = 50

STOPPING = """
while :; do for file in /proc/[0-9]*/comm; do
    read name < $file && case $name in pyc*|crun*|runc*) pid=${file%/comm}; kill -STOP ${pid#/proc/} && echo stopped;; esac
done 2>/dev/null; done
"""


def test_a_payload_that_stops_an_exec_keeps_nobody_from_deleting(oci: Containers) -> None:
    box = oci.start({"process.args": ["/bin/sh", "-c", STOPPING]})
    for _ in range(_ATTEMPTS):
        attempt = oci.runtime.begin("exec", box.id, "/bin/true")
        eventually(lambda: attempt.process.poll() is not None or "stopped" in box.output(), what="an exec")  # noqa: B023
        if attempt.process.poll() is None:
            break
    box.delete("--force").ok()
    assert attempt.wait().code != 0


def test_a_payload_that_keeps_what_has_ended_hides_no_exit_code(oci: Containers, attack: Attack) -> None:
    """Who traces a process is told of its end first, and may take its time."""
    attack("holder", oci.rootfs / "bin/holder")
    box = oci.start({"process.args": ["/bin/holder"]})
    further = oci.runtime.begin("exec", box.id, "/bin/sh", "-c", "while ! test -e /go; do :; done; exit 7")
    box.await_output("held")
    (oci.rootfs / "go").touch()
    box.await_output("ended")
    (oci.rootfs / "stop").touch()
    assert further.wait().code == 7
    box.await_status("stopped")
