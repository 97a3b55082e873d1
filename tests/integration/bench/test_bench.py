"""The bench works, as a whole: what it prints is no test, that it prints it is one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.sections.every import SECTIONS

# Cgroups of peers have names of their own, but the same in each run.
pytestmark = pytest.mark.xdist_group("bench")

_SIZE = ("--rounds", "2", "--containers", "8", "--peers", "2", "--mebibytes", "2")
_OURS = {
    "lifecycle": {"pycontainerd", "crun run", "runc run", "pyrunc run", "pyctr run --rm"},
    "throughput": {"pycontainerd"},
    "exec": {"pycontainerd", "crun exec", "runc exec", "pyrunc exec"},
    "end": {"pycontainerd", "crun kill TERM", "runc kill KILL"},
    "memory": {"pycontainerd", "spawner"},
    "output": {"pycontainerd"},
    "crowd": {"beside 8"},
    "profile": {"pycontainerd", "create: fork", "spawner", "the same by the kernel alone"},
}


def bench(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "tests.bench", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def measured(results: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / f"{name}.json").read_text())["measured"]
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_measured(name: str, tmp_path: Path) -> None:
    results = tmp_path / "results"
    printed = bench(*_SIZE, "--only", name, "--results", results, "--page", tmp_path / "page.md")
    found = measured(results, name)
    series = {each["name"] for figure in found["figures"] for each in figure["series"]}
    assert series >= _OURS[name]
    assert all(figure["title"] in printed for figure in found["figures"])
    page = (tmp_path / "page.md").read_text()
    assert all(f"### {figure['title']}" in page for figure in found["figures"])


def test_a_page_is_written_of_what_is_there(tmp_path: Path) -> None:
    assert bench("--only", "page", "--results", tmp_path, "--page", tmp_path / "page.md") == ""
    assert "## Targets" in (tmp_path / "page.md").read_text()
