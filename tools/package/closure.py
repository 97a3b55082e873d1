"""What the project needs at run time, file by file, out of the environment that runs this.

So a package holds the very versions that the tests ran with, and is built without a network.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SOURCES_ONLY = (".c", ".h", ".pyx", ".pxd", ".pyi", ".pyc")
"""Of what is compiled: nothing reads them at run time."""


def distributions(project: Distribution) -> list[Distribution]:
    """Return what the project needs, itself aside. Raises PackageNotFoundError for what is not installed here.

    project: as its wheel has it; what is installed here of it may have been so before pyproject.toml was changed.
    """
    found: dict[str, Distribution] = {}
    waiting = list(_wanted(project.requires or []))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            waiting += _wanted(found[name].requires or [])
    return [found[name] for name in sorted(found)]


def _wanted(requirements: list[str]) -> Iterator[str]:
    """Yield the names of those that hold here, without extras."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield re.sub(r"[-_.]+", "-", requirement.name).lower()


def files(one: Distribution) -> Iterator[tuple[str, Path]]:
    """Yield (path below site-packages, where it is here) of each file that is needed at run time."""
    listed = one.files
    if listed is None:
        raise PackageNotFoundError(one.name)
    for path in listed:
        if ".." not in path.parts and path.suffix not in _SOURCES_ONLY and "__pycache__" not in path.parts:
            yield str(path), one.locate_file(path)  # type: ignore[misc]  # it is a Path here
