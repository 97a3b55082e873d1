"""Text as man(7) takes it, and the macros that the pages need."""

from __future__ import annotations

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One option, argument or variable: how it is written, and what it does."""

    term: str
    text: str


_AS_THEY_ARE = str.maketrans(
    {"\\": "\\e", "-": "\\-", "~": "\\(ti", "^": "\\(ha", "'": "\\(aq", "`": "\\(ga", '"': "\\(dq"}
)


def escaped(text: str) -> str:
    """Return running text in one line: what stands in it is printed as it stands, and no line begins as a macro does."""
    plain = " ".join(text.split()).translate(_AS_THEY_ARE)
    plain = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in plain)
    return f"\\&{plain}" if plain.startswith(".") else plain


def argument(text: str) -> str:
    """Return text as one argument of a macro."""
    return f'"{escaped(text)}"'


def heading(name: str, section: int, about: str, version: str) -> list[str]:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return [
        f'.TH {argument(name.upper())} "{section}" "{today}" {argument("pycontainerd " + version)}',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(about)}",
    ]


def section(title: str) -> str:
    return f".SH {argument(title.upper())}"


def subsection(title: str) -> str:
    return f".SS {argument(title)}"


def paragraphs(text: str) -> list[str]:
    """Return a macro before each paragraph of `text` but the first, which follows its heading."""
    found = [escaped(part) for part in text.split("\n\n") if part.strip()]
    return [line for part in found for line in (".PP", part)][1:]


def code(lines: list[str]) -> list[str]:
    return [".PP", ".nf", *(f"    {escaped(line)}" for line in lines), ".fi"]


def entries(given: list[Entry]) -> list[str]:
    return [line for one in given for line in (".TP", f"\\fB{escaped(one.term)}\\fR", escaped(one.text) or "\\&")]
