"""Payloads that attack a further process of their container before it is executed."""

from tests.oci.containers import Containers, eventually

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
