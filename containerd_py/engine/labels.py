"""Selectors of labels: "K", or "K=V"."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def carries(labels: Mapping[str, str], selector: str) -> bool:
    """True where a label of that name is there, and has that value where the selector tells one."""
    key, separator, value = selector.partition("=")
    return key in labels and (not separator or labels[key] == value)


def carries_all(labels: Mapping[str, str], selectors: Iterable[str]) -> bool:
    return all(carries(labels, selector) for selector in selectors)
