"""Pydantic's findings, told in one line by the place in the document; never with the values, which may be secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

_SHOWN = 5


def describe(problem: ValidationError) -> str:
    """Tell the problems as "process.args.0: Input should be a valid string", five at most."""
    told = [f"{_path(error['loc'])}: {error['msg']}" for error in problem.errors(include_url=False, include_input=False)]
    more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
    return "; ".join(told[:_SHOWN]) + more


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "document"
