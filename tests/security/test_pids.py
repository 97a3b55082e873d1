"""R10: a process is never known by its number, which another one may bear by now. [crun#1200, podman#25104]"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.oci.containers import Container, Containers

_FILES = ("state.json", "status")
_KEYS = ("pid", "init_process_pid")


def stored(box: Container) -> Path:
    assert box.runtime.root is not None
    return next(path for name in _FILES if (path := box.runtime.root / box.id / name).exists())


@contextmanager
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "1000"]) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_stranger_that_bears_the_number_is_not_touched(oci: Containers) -> None:
    """As after a reuse of the number: the record has it, and the process behind it is another."""
    box = oci.start()
    pid = box.pid
    box.kill().ok()
    box.await_status("stopped")
    document = json.loads(stored(box).read_text())
    keys = [key for key in _KEYS if document.get(key) == pid]
    assert keys
    with stranger() as other:
        stored(box).write_text(json.dumps(document | dict.fromkeys(keys, other.pid)))
        assert box.status() == "stopped"
        assert box.kill().code
        assert box.exec("/bin/true").code
        box.delete("--force").ok()
        assert other.poll() is None
