"""What mkdocs calls: pages that are made of the code, and links to files beside docs/, which the site has too."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File, InclusionLevel

from docs_build import http_page, option_pages, settings_page

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_GENERATED = {
    "reference/http.md": http_page.markdown,
    "reference/settings.md": settings_page.markdown,
    "reference/pyctr.md": option_pages.pyctr,
    "reference/pyrunc-options.md": option_pages.pyrunc,
}
_COPIED = {
    "PRINCIPLES.md": "project/principles.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "openapi.yaml": "reference/openapi.yaml",
    "examples/libcontainer_demo.py": "project/libcontainer_demo.py",
}
"""Files of the repository that pages link to, and where the site has them."""
_LINK = re.compile(r"(\]\()((?:[\w.-]+/)*[\w.-]+\.\w+)((?:#[\w.-]+)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path, made in _GENERATED.items():
        files.append(File.generated(config, path, content=made()))
    for source, path in _COPIED.items():
        with open(os.path.join(_root(config), source), encoding="utf-8") as file:
            text = file.read()
        copied = File.generated(config, path, content=_moved(text, "", path) if path.endswith(".md") else text)
        copied.inclusion = InclusionLevel.INCLUDED
        files.append(copied)
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links that leave docs/ to what the site has of it."""
    path = page.file.src_uri
    return markdown if path in (*_GENERATED, *_COPIED.values()) else _moved(markdown, f"docs/{path}", path)


def _moved(markdown: str, source: str, path: str) -> str:
    """Rewrite the links of a page that stands at `source` in the repository, and at `path` in the site."""

    def lead(link: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(source), link[2]))
        there = _COPIED.get(target, target.removeprefix("docs/") if target.startswith("docs/") else None)
        return link[0] if there is None else link[1] + os.path.relpath(there, os.path.dirname(path) or ".") + link[3]

    return _LINK.sub(lead, markdown)


def _root(config: MkDocsConfig) -> str:
    return os.path.dirname(os.path.abspath(config.config_file_path))
