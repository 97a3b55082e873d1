"""The bench works, as a whole: what it prints is no test, that it prints it is one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


def bench(*arguments: str) -> str:
    ran = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.timeout(180)
def test_everything_is_measured(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    size = ("--rounds", "2", "--containers", "8", "--mebibytes", "2")
    page = tmp_path / "page.md"
    page.write_text("<!-- the output of make bench -->\n\n```\n```\n")
    printed = bench("tests.bench", *size, "--json", str(results), "--page", str(page))
    assert printed in page.read_text()
    found = json.loads(results.read_text())
    assert {"pycontainerd", "crun", "runc"} <= set(found["laps"]["contestants"])
    assert {"pycontainerd", "crun exec", "runc exec", "pyrunc exec"} == set(found["living"]["executed"])
    assert {"pyctr run --rm", "podman run --rm"} == set(found["living"]["clients"])
    assert found["load"]["crowd"]["running"] == 8
    assert [rate["in_flight"] for rate in found["load"]["crowd"]["rates"]] == [1, 2, 4]
    assert found["load"]["output"]["logged"]["read"]["mebibytes"] == 2
    assert "into the log" in printed
