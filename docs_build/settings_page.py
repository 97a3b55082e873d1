"""The page of the daemon's settings, from their model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from containerd_py import config
from containerd_py.sockets import SocketConfig

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_HEAD = """# Settings

Of the daemon, `pycontainerd`. They stand in `{file}`, or the file named by `--config` or `PYCONTAINERD_CONFIG`;
environment variables go before the file, and options before both. An unknown key is an error.
[Run it under systemd](../how-to/operate.md#settings) tells when they are read.

| key | | default |
|---|---|---|
"""


def markdown() -> str:
    rows = "".join(_row(name, text) for name, text in config.meanings().items())
    return _HEAD.format(file=config.CONFIG_FILE) + rows + "\n" + _sockets() + _example() + _command_line()


def _row(name: str, text: str) -> str:
    variable = f"PYCONTAINERD_{name.upper()}"
    option = "--" + name.replace("_", "-")
    field = config.DaemonConfig.model_fields[name]
    default = field.get_default(call_default_factory=True)
    shown = "" if default in (None, "", ()) else f"`{default}`"
    return f"| `{name}`<br>`{option}`<br>`{variable}` | {text} | {shown} |\n"


def _sockets() -> str:
    """What tables [[sockets]] may have; the guide says what it means."""
    rows = "".join(f"| `{name}` | {_default(field)} |\n" for name, field in SocketConfig.model_fields.items())
    told = "Tables of the file, one for each further socket; what each key means: [Give fewer rights](../how-to/access.md)."
    return f"## `[[sockets]]`\n\n{told}\n\n| key | default |\n|---|---|\n{rows}\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "none" if default is None else f"`{config.toml(default)}`"


def _example() -> str:
    defaults: Any = config.DaemonConfig()
    return f"## A file with the defaults\n\n```toml\n{config.as_toml(defaults)}```\n\n"


def _command_line() -> str:
    return f"## The command line\n\n```text\n{config.usage()}```\n"
