"""The documentation is built without a warning, and is whole: without a network, and with all that the code knows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from containerd_py.cli.main import app
from containerd_py.cli.oci import commands
from containerd_py.config import DaemonConfig, meanings
from containerd_py.sockets import SocketConfig
from docs_build import http_page, option_pages, settings_page

pytestmark = pytest.mark.xdist_group("site")  # one process makes what its tests share

_ROOT = Path(__file__).parents[3]
_DOCUMENT = yaml.safe_load((_ROOT / "openapi.yaml").read_text())
_LOADED = re.compile(r"""(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)|url\(["']?((?:https?:)?//[^"')]+)""")
_LINK = re.compile(r"\]\((?!https?:|#)([^)\s#]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=_ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (built.returncode, built.stderr) == (0, "")
    return folder


def test_nothing_comes_from_another_host(site: Path) -> None:
    loaded = [
        f"{page.relative_to(site)}: {found}"
        for page in (*site.rglob("*.html"), *site.rglob("*.css"))
        for found in _LOADED.findall(page.read_text())
    ]
    assert loaded == []


def test_every_page_has_its_place(site: Path) -> None:
    built = {page.relative_to(site).with_suffix("").as_posix() for page in site.rglob("*.html")}
    assert built >= {page.relative_to(_ROOT / "docs").with_suffix("").as_posix() for page in _ROOT.glob("docs/**/*.md")}
    assert {"reference/http", "reference/settings", "reference/pyctr", "project/principles"} <= built


def test_every_operation_and_schema_has_its_heading() -> None:
    text = http_page.markdown()
    operations = [one for path in _DOCUMENT["paths"].values() for key, one in path.items() if key != "parameters"]
    assert [one["operationId"] for one in operations if f"{{#{one['operationId']}}}" not in text] == []
    assert [name for name in _DOCUMENT["components"]["schemas"] if f"### {name} " not in text] == []


def test_every_setting_is_told() -> None:
    assert set(meanings()) == set(DaemonConfig.model_fields) - {"sockets"}
    text = settings_page.markdown()
    assert [name for name in (*meanings(), *SocketConfig.model_fields) if f"| `{name}`" not in text] == []


def test_every_command_is_told() -> None:
    text = option_pages.pyctr()
    names = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    assert names >= {"run", "ps", "logs"}
    names |= {"execs", "execs ls", "container", "system"}
    assert [name for name in names if f"\n## {name}\n" not in text] == []
    assert [name for name in commands.NAMES if f"\n## {name}\n" not in option_pages.pyrunc()] == []


def test_links_of_the_repository_lead_somewhere() -> None:
    """As they are read without the site."""
    pages = (*_ROOT.glob("*.md"), *_ROOT.glob("docs/**/*.md"))
    broken = [
        f"{page.relative_to(_ROOT)}: {target}"
        for page in pages
        for target in _LINK.findall(page.read_text())
        if not (page.parent / target).exists() and not _generated(page, target)
    ]
    assert broken == []


def _generated(page: Path, target: str) -> bool:
    """Pages that only the site has; no page of the repository that is read without it links to them, but docs/ do."""
    made = {"http.md", "settings.md", "pyctr.md", "pyrunc-options.md"}
    path = (page.parent / target).resolve()
    return page.is_relative_to(_ROOT / "docs") and path.parent == _ROOT / "docs" / "reference" and path.name in made
