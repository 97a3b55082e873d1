"""`--health-cmd` and its like → a health check."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from containerd_py.errors import InvalidArgument
from containerd_py.wire import HealthSpec, HttpCheck, TcpCheck

if TYPE_CHECKING:
    from containerd_py.cli.spec_options import SpecOptions

HEALTH_OPTIONS = (
    *("health_cmd", "health_tcp", "health_http"),
    *("health_interval", "health_timeout", "health_retries", "health_start_period", "health_on_failure"),
)

_SHELL = ("/bin/sh", "-c")
_TIME = re.compile(r"(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+(?:\.[0-9]+)?)s)?(?:([0-9]+)ms)?", re.ASCII)
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_PLACE = re.compile(r"(?:(?P<host>[^/\[\]]+|\[[^/\]]+\]):)?(?P<port>[0-9]{1,5})(?P<path>/.*)?", re.ASCII)


def parse_health(options: SpecOptions) -> HealthSpec | None:
    """Return the check; None where no option asks for one. Raises InvalidArgument, and what the wire does not take."""
    given = {name: getattr(options, name) for name in HEALTH_OPTIONS if getattr(options, name) is not None}
    if not given:
        return None
    kinds = [name for name in ("health_cmd", "health_tcp", "health_http") if name in given]
    if len(kinds) != 1:
        found = "none of them" if not kinds else " and ".join(map(_flag, kinds))
        raise _wrong(f"one of --health-cmd, --health-tcp and --health-http is needed, not {found}")
    return HealthSpec(**_asked(kinds[0], given[kinds[0]]), **_manner(given))


def _asked(kind: str, text: str) -> dict[str, Any]:
    if kind == "health_cmd":
        return {"exec": _command(text)}
    place = _PLACE.fullmatch(text)
    if place is None or (kind == "health_tcp" and place["path"]):
        raise _wrong(f"{_flag(kind)} {text!r} is no port", hint="write 8080, 127.0.0.1:8080 or, for HTTP, 8080/path")
    where: dict[str, Any] = {"port": int(place["port"])}
    if place["host"]:
        where["host"] = place["host"].strip("[]")
    if place["path"]:
        where["path"] = place["path"]
    return {"tcp": TcpCheck(**where)} if kind == "health_tcp" else {"http": HttpCheck(**where)}


def _command(text: str) -> tuple[str, ...]:
    """Return the arguments: of a JSON list as they are, else of a shell."""
    if not text.lstrip().startswith("["):
        return (*_SHELL, text)
    try:
        found = json.loads(text)
    except ValueError:
        return (*_SHELL, text)  # `[ -e /ready ]` is a command too
    if not all(isinstance(one, str) for one in found):
        raise _wrong(f"--health-cmd {text!r} is no list of strings")
    return tuple(found)


def _manner(given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("interval", "timeout", "start_period"):
        if f"health_{name}" in given:
            found[f"{name}_s"] = parse_time(given[f"health_{name}"], _flag(f"health_{name}"))
    if "health_retries" in given:
        found["retries"] = given["health_retries"]
    if "health_on_failure" in given:
        found["on_failure"] = given["health_on_failure"].value
    return found


def parse_time(text: str, flag: str) -> float:
    """Return seconds: "30", "1.5", "1m30s", "500ms"."""
    if _SECONDS.fullmatch(text):
        return float(text)
    parts = _TIME.fullmatch(text)
    if not text or parts is None:
        raise _wrong(f"{flag} {text!r} is no time", hint="write 30s, 1m30s, 500ms, or a number of seconds")
    hours, minutes, seconds, thousandths = (float(part or 0) for part in parts.groups())
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _wrong(cause: str, hint: str | None = None) -> InvalidArgument:
    return InvalidArgument(f"cannot read the options: {cause}", step="parse", hint=hint)
