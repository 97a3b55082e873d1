"""Options that belong together: one parameter of a command, and an option of its own for each field."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints


class Gathering:
    """A command whose parameter `options` is a frozen dataclass, declared to typer with each field as its own parameter.

    typer asks a function's signature and annotations, and has no other way to be told of parameters.
    """

    def __init__(self, command: Callable[..., None], gathered: type[Any]) -> None:
        functools.update_wrapper(self, command)
        own = [one for one in inspect.signature(command).parameters.values() if one.name != "options"]
        parameters = [*own, *_parameters(gathered)]
        self._command = command
        self._gathered = gathered
        self.__signature__ = inspect.Signature(parameters)
        self.__annotations__ = {one.name: one.annotation for one in parameters}

    def __call__(self, **arguments: Any) -> None:
        given = {field.name: arguments.pop(field.name) for field in dataclasses.fields(self._gathered)}
        self._command(**arguments, options=self._gathered(**given))


def _parameters(gathered: type[Any]) -> Iterator[inspect.Parameter]:
    """Yield those of the class itself first, then those of its bases: in that order `--help` shows them."""
    hints = get_type_hints(gathered, include_extras=True)
    defaults = {field.name: field.default for field in dataclasses.fields(gathered)}
    for cls in gathered.__mro__:
        for name in inspect.get_annotations(cls):
            yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hints[name])
