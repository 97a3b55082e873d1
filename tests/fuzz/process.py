"""One target in a process of its own, which libFuzzer leads: python -m tests.fuzz.process TARGET [flags of libFuzzer]."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

from tests.fuzz.targets import load


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["containerd_py", "aiohttp._websocket.reader_py"]):
        target = load(name)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm"))
    atexit.register(shutil.rmtree, folder)
    atheris.Setup(sys.argv, lambda data: target(data, folder))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
