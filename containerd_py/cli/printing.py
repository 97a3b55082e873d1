"""How a command prints what it was told: for people, as JSON, or through the caller's template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from containerd_py.cli.output import write_line, write_model, write_models
from containerd_py.cli.settings import Format, settings_of
from containerd_py.cli.tables import write_columns
from containerd_py.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from containerd_py.cli.templates import Row, Template

_TABLE = "table "


@dataclass(frozen=True, slots=True)
class Printer:
    """columns: the template's lines are the rows of a table, with headings."""

    as_json: bool = False
    template: Template | None = None
    columns: bool = False

    @property
    def for_people(self) -> bool:
        return not self.as_json and self.template is None

    def one(self, row: Row, people: Callable[[], None], *, indent: int | None = None) -> None:
        """Print one thing: by `people` where nothing else was asked for. indent: of JSON."""
        if self.as_json:
            write_model(row.model, indent=indent)
        elif self.template is None:
            people()
        else:
            self._templated((row,))

    def all(self, rows: Iterable[Row], people: Callable[[], None]) -> None:
        """Print several things, as one array where it is JSON."""
        if self.as_json:
            write_models(row.model for row in rows)
        elif self.template is None:
            people()
        else:
            self._templated(rows)

    def each(self, row: Row, people: Callable[[], None]) -> None:
        """Print the next one of a stream; a template's table has no headings there."""
        if self.template is not None:
            write_line(self.template.render(row))
        else:
            self.one(row, people)

    def _templated(self, rows: Iterable[Row]) -> None:
        template = self.template
        if template is None:
            return
        if self.columns:
            write_columns([template.headers(), *map(template.render, rows)])
        else:
            for row in rows:
                write_line(template.render(row))


def printer_of(ctx: typer.Context, chosen: str | None) -> Printer:
    """Return the printer for the option after the command, else for the one before it; a usage error for no format."""
    text = chosen or settings_of(ctx).format
    if text == Format.JSON:
        return Printer(as_json=True)
    if text == Format.TABLE:
        return Printer()
    return Printer(template=template_of(text), columns=text.startswith(_TABLE))


def template_of(text: str) -> Template:
    """Return the template of an option; a usage error where it is none."""
    from containerd_py.cli.templates import Template
    from containerd_py.cli.templates.syntax import unescape

    try:
        return Template(unescape(text.removeprefix(_TABLE)))
    except InvalidArgument as error:
        raise typer.BadParameter(error.message, param_hint="--format") from None
