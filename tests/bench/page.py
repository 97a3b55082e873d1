"""Putting a run's table into a page of the documentation."""

import re
from pathlib import Path

_BLOCK = re.compile(r"(?<=<!-- the output of make bench -->\n\n```\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)


def check(page: Path) -> None:
    """Raises ValueError for a page without a block, or with several, for the table; OSError."""
    found = len(_BLOCK.findall(page.read_text()))
    if found != 1:
        raise ValueError(f"cannot put the table into {page}: {found} blocks are marked as output of make bench, not one")


def put(page: Path, table: str) -> None:
    """Replace what stands in the block."""
    page.write_text(_BLOCK.sub(lambda _: table, page.read_text()))
