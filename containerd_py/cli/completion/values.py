"""What an argument or an option may be, for typer's `autocompletion`: those that begin as what is typed does.

Each gives the values with a word about them. Names and labels are asked of the daemon; where it is away there are none.
"""

import signal
from collections.abc import Callable, Iterable

import typer

from containerd_py.cli.completion.daemon import Asked

Found = list[tuple[str, str]]
NOTHING = "\0"
"""Behind what is typed: nothing may come there, no file either."""
Completer = Callable[[typer.Context, list[str], str], Found]

_EVENTS = (
    *("created", "started", "exited", "deleted", "killed", "oom", "paused", "resumed", "renamed", "updated"),
    *("health", "ready", "restarting", "restart_failed", "unpacked"),
    *("exec.created", "exec.started", "exec.exited", "exec.killed", "operation.ended"),
)
_STATUSES = ("created", "running", "paused", "restarting", "exited")
_USUAL_SIGNALS = ("TERM", "KILL", "INT", "HUP", "QUIT", "USR1", "USR2", "STOP", "CONT", "WINCH")


def of_states(*states: str) -> Completer:
    """Return what completes the names of containers in one of these states; none given: of all."""

    def complete(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
        del args  # typer passes none
        found = [one for one in Asked(ctx).containers() if not states or one.get("status") in states]
        # Ids only once one has begun: a list of both shows everything twice.
        named = [(one["name"], one["status"]) for one in found]
        by_id = [(one["id"], one["name"]) for one in found] if incomplete else []
        given = _given(ctx)
        fitting = _beginning(named, incomplete) or _beginning(by_id, incomplete)
        return [(value, about) for value, about in fitting if value not in given]

    return complete


container_names = of_states()
running_names = of_states("running", "paused")
paused_names = of_states("paused")
startable_names = of_states("created", "stopped")


def places(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
    """CONTAINER: of a place to copy from or to; what is there none of, and what begins as a path, is a file here.

    A path in a container is nobody's to guess: the shell has only files of this host.
    """
    if ":" in incomplete and not incomplete.startswith(("/", ".")):
        return [(incomplete + NOTHING, "")]
    return [] if incomplete.startswith(("/", ".")) else _places(container_names(ctx, args, incomplete))


def exec_ids(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
    del args
    given = _given(ctx)
    found = [(one["id"], " ".join(one["args"])) for one in Asked(ctx).execs() if one["id"] not in given]
    return _beginning(found, incomplete)


def operation_ids(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
    del args
    given = _given(ctx)
    there = [one for one in Asked(ctx).operations() if one["id"] not in given]
    return _beginning([(one["id"], f"{one['action']} {one['container_name'] or ''}".rstrip()) for one in there], incomplete)


def signal_names(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
    """The usual ones; once a letter is there, all: with "SIG" where that was typed."""
    del ctx, args
    prefix = "SIG" if incomplete.upper().startswith("SIG") else ""
    rest = sorted(one.name.removeprefix("SIG") for one in signal.Signals)
    names = rest if incomplete else _USUAL_SIGNALS
    return _beginning([(prefix + name, "") for name in names], incomplete.upper())


def labels(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
    """Keys, and once one stands there with its =, values."""
    del args
    return _labels(ctx, incomplete)


def filters_of(**choices: Iterable[str]) -> Completer:
    """Return what completes KEY=VALUE. choices: the values of each key; "containers" and "labels" are looked up."""

    def complete(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
        del args
        key, separator, value = incomplete.partition("=")
        if not separator:
            return _beginning([(f"{name}=", "") for name in choices], incomplete)
        given = tuple(choices.get(key, ()))
        if given == ("labels",):
            found = _labels(ctx, value)
        elif given == ("containers",):
            found = _beginning([(one["name"], one["status"]) for one in Asked(ctx).containers()], value)
        else:
            found = _beginning([(one, "") for one in given], value)
        return [(f"{key}={one}", about) for one, about in found]

    return complete


def choices(*values: str) -> Completer:
    """Return what completes one of some words."""

    def complete(ctx: typer.Context, args: list[str], incomplete: str) -> Found:
        del ctx, args
        return _beginning([(value, "") for value in values], incomplete)

    return complete


container_filters = filters_of(
    status=_STATUSES,
    health=("starting", "healthy", "unhealthy", "none"),
    label=("labels",),
    name=("containers",),
    since=("containers",),
    before=("containers",),
    exited=("0", "1", "137", "143"),
)
event_filters = filters_of(
    type=_EVENTS,
    container=("containers",),
    label=("labels",),
)
restart_policies = choices("no", "on-failure", "on-failure:3", "always", "unless-stopped")
formats = choices("table", "json", "{{.ID}}", "{{json .}}")


def _places(found: Found) -> Found:
    return [(f"{value}:", about) for value, about in found]


def _given(ctx: typer.Context) -> set[str]:
    """Return what stands on the line already, where an argument takes several."""
    lists = [value for value in ctx.params.values() if isinstance(value, list | tuple)]
    return {word for value in lists for word in value if isinstance(word, str)}


def _labels(ctx: typer.Context, incomplete: str) -> Found:
    key, separator, _ = incomplete.partition("=")
    every = [(key, value) for one in Asked(ctx).containers() for key, value in one.get("labels", {}).items()]
    if separator:
        pairs = sorted({f"{name}={value}" for name, value in every if name == key})
        return _beginning([(pair, "") for pair in pairs], incomplete)
    return _beginning([(name, "a label") for name in sorted({name for name, _ in every})], incomplete)


def _beginning(found: Iterable[tuple[str, str]], incomplete: str) -> Found:
    """What has a line end or the like in it cannot be typed as one word: left out."""
    return [(value, about) for value, about in found if value.startswith(incomplete) and value.isprintable()]
