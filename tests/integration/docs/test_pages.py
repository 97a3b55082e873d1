"""The commands of the documentation do what the pages say, executed as they stand there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration import docs_blocks

if TYPE_CHECKING:
    from tests.integration.daemon_process import Daemon

pytestmark = pytest.mark.timeout(180)
_ROOT = Path(__file__).parents[3]
_WITH_DAEMON = {"curl": "rootfs", "pyctr": "rootfs", "limits": ".", "isolation": ".", "files": ".", "backup": "."}
"""Pages of how-to that need a daemon, and what of the folder of the test is their $R."""


@pytest.mark.parametrize("name", _WITH_DAEMON)
def test_how_to(name: str, daemon: Daemon, rootfs: Path) -> None:
    page = _ROOT / "docs" / "how-to" / f"{name}.md"
    folder = rootfs.parent
    variables = {"R": str(folder / _WITH_DAEMON[name]), "PYCONTAINERD_SOCKET": str(daemon.socket)}
    _follow(page, folder, variables)


_WHOLE = ("docs/tutorial/index.md", "README.md")
"""Those that start their daemon themselves."""


def test_every_block_is_executed_or_says_why_not() -> None:
    executed = {*_WHOLE, *(f"docs/how-to/{name}.md" for name in _WITH_DAEMON)}
    pages = [_ROOT / "README.md", *sorted((_ROOT / "docs").rglob("*.md"))]
    left_out = [
        f"{name}:{block.line}"
        for page in pages
        if (name := str(page.relative_to(_ROOT))) not in executed
        for block in docs_blocks.blocks(page)
    ]
    assert left_out == []


@pytest.mark.parametrize("page", _WHOLE)
def test_from_the_first_step_to_the_last(page: str, tmp_path: Path) -> None:
    """With a daemon that the page itself starts, kills and starts again."""
    place = tmp_path / "t"
    try:
        _follow(_ROOT / page, tmp_path, {"T": str(place), "R": str(place)})
        assert not place.exists()
    finally:
        _end_daemons_of(place)


def _follow(page: Path, folder: Path, variables: dict[str, str]) -> None:
    found = docs_blocks.blocks(page)
    assert found
    path = f"{_programs(folder)}:{os.environ['PATH']}"
    outputs = docs_blocks.execute(found, folder, os.environ | variables | {"PATH": path, "PYTHONPATH": str(_ROOT)})
    for block, output in zip(found, outputs, strict=True):
        docs_blocks.check(block, output)


def _programs(folder: Path) -> Path:
    """Make a folder with the programs of this checkout, by this Python."""
    programs = folder / "programs"
    programs.mkdir()
    modules = {
        "pycontainerd": "containerd_py",
        "pyctr": "containerd_py.cli.main",
        "pyrunc": "containerd_py.cli.oci.program",
    }
    for name, module in modules.items():
        code = f"import sys; from {module}{'.__main__' if name == 'pycontainerd' else ''} import main; sys.exit(main())"
        (programs / name).write_text(f"#!{sys.executable}\n{code}\n")
        (programs / name).chmod(0o755)
    return programs


def _end_daemons_of(place: Path) -> None:
    """Where a page was not followed to its end: end what it has started."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{place}/".encode() in process.read_bytes():
                os.kill(int(process.parent.name), signal.SIGKILL)
        except (OSError, subprocess.SubprocessError):
            continue
