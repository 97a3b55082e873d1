"""Execute one more process in a container."""

from __future__ import annotations

import os

from containerd_py.cli.oci.activation import passed_on
from containerd_py.cli.oci.arguments import count, gids, given, integer
from containerd_py.cli.oci.bundle import ignoring, read_document, warn_of_ambient
from containerd_py.cli.oci.creation import check_terminal
from containerd_py.cli.oci.foreground import Relays, children, exit_code
from containerd_py.cli.oci.pid_file import write_pid
from containerd_py.cli.oci.pidfd_socket import told_of
from containerd_py.cli.oci.signals import Forwarding, Interrupted
from containerd_py.errors import Conflict, InvalidArgument
from containerd_py.light import contextlib, signal
from containerd_py.runtime.beginning import Beginning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from containerd_py.cli.oci.arguments import Options, Parser
    from containerd_py.cli.oci.containers import Container, Execution
    from containerd_py.cli.oci.context import Context
    from containerd_py.cli.oci.log import Log
    from containerd_py.runtime.spec.process import Process
    from containerd_py.runtime.streams import Streams

FAILURE = 255


def declare(parser: Parser) -> None:
    parser.add_argument(
        "--console-socket", type=given, metavar="PATH", help="the Unix socket that the terminal's master is sent to"
    )
    parser.add_argument("--pidfd-socket", metavar="PATH", help="the Unix socket that a pidfd of the process is sent to")
    parser.add_argument("--cwd", metavar="DIR", help="the working directory in the container")
    parser.add_argument("--env", "-e", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.switch("--tty", "-t", help="give it a terminal")
    parser.add_argument("--user", "-u", metavar="UID[:GID]", help="the user, by number")
    parser.add_argument(
        "--additional-gids", "-g", type=gids, action="append", default=[], metavar="GID[,GID…]", help="may be repeated"
    )
    parser.add_argument("--process", "-p", metavar="PATH", help="read all about the process from a process.json")
    parser.switch("--detach", "-d", help="do not wait for it")
    parser.add_argument("--pid-file", metavar="PATH", help="write its pid there")
    parser.add_argument("--process-label", metavar="LABEL", help="its SELinux label")
    parser.add_argument("--apparmor", metavar="PROFILE", help="its AppArmor profile")
    parser.switch("--no-new-privs", help="set no_new_privs")
    parser.add_argument("--cap", "-c", action="append", default=[], metavar="CAP_NAME", help="may be repeated")
    parser.add_argument("--preserve-fds", type=count, default=0, metavar="N", help="pass N more descriptors, from 3 on")
    parser.add_argument(
        "--cgroup",
        action="append",
        default=[],
        metavar="[CONTROLLER[,…]:]PATH",
        help="a cgroup below the container's, which must be there; may be repeated",
    )
    parser.switch("--ignore-paused", help="allow a paused container: the process waits with it")
    parser.container()
    parser.add_argument("command", nargs="...", help="the program and its arguments")


def perform(options: Options, context: Context) -> int:
    container = context.load(options.id)
    _check_status(container.state().status, options)
    process = _process(options, container, context)
    check_terminal(terminal=process.terminal, detached=options.detach, console_socket=options.console_socket)
    if options.detach:
        with Forwarding() as forwarding, _none_left(), forwarding.interruptible():
            _execute(options, container, process, None, None, context.log)
        return 0
    return _attend(options, container, process, context.log)


def _check_status(status: str, options: Options) -> None:
    """In runc's words, which callers look for."""
    if status == "stopped" or (status == "paused" and not options.ignore_paused):
        raise Conflict(
            f"cannot exec in a {status} container: {options.id!r}",
            step="exec",
            hint="resume it, or give --ignore-paused" if status == "paused" else None,
        )


def _attend(options: Options, container: Container, process: Process, log: Log) -> int:
    relays, beginning = Relays(), Beginning()
    with Forwarding() as forwarding, contextlib.nullcontext() if process.terminal else relays as streams:
        with _none_left(), forwarding.interruptible(begun=beginning.has_come):
            execution = _execute(options, container, process, streams, beginning, log)
        relays.run()
        forwarding.attach(execution.kill)
        return exit_code(execution.wait())


@contextlib.contextmanager
def _none_left() -> Iterator[None]:
    """Kill what was made where it is interrupted the moment it is made: this command has no other children."""
    try:
        yield
    except Interrupted:
        for pid in children():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise


def _execute(
    options: Options,
    container: Container,
    process: Process,
    streams: Streams | None,
    beginning: Beginning | None,
    log: Log,
) -> Execution:
    with told_of(options.pidfd_socket) as tell:
        log.debug("nsexec container setup")  # stages by runc's names, which are looked for in its logs
        _tell_affinity(process, log)
        execution = _begin(options, container, process, streams, beginning, log)
        log.debug(f"child process in init(): {execution.pid}")
        log.debug("setns_init: about to exec")
        try:
            tell(execution)
            if options.pid_file:
                write_pid(options.pid_file, execution.pid)
        except InvalidArgument:
            with contextlib.suppress(Conflict):  # it may have ended meanwhile: what is told is the first problem
                execution.kill(signal.SIGKILL)
            raise
    return execution


def _tell_affinity(process: Process, log: Log) -> None:
    affinity = process.exec_cpu_affinity
    if log.debugging and affinity is not None and affinity.initial:
        from containerd_py.runtime.spec.number_list import parse_number_list

        with contextlib.suppress(ValueError):  # it is refused later
            log.debug(f"nsexec: affinity: {sum(1 << cpu for cpu in parse_number_list(affinity.initial)):#x}")


def _begin(
    options: Options,
    container: Container,
    process: Process,
    streams: Streams | None,
    beginning: Beginning | None,
    log: Log,
) -> Execution:
    return container.exec(
        process,
        streams=streams,
        console_socket=options.console_socket,
        preserve_fds=passed_on(options.preserve_fds, log.warning),
        cgroup=sub_cgroups(options.cgroup),
        paused=options.ignore_paused,
        beginning=beginning,
    )


def sub_cgroups(given: list[str]) -> dict[str, str]:
    """Return paths by controller, "" for all others: ["cpu,memory:a", "b"] is {"cpu": "a", "memory": "a", "": "b"}."""
    found: dict[str, str] = {}
    for text in given:
        controllers, colon, path = text.rpartition(":")
        found |= dict.fromkeys(controllers.split(",") if colon else [""], path)
    return found


def _process(options: Options, container: Container, context: Context) -> Process:
    from containerd_py.runtime.spec.process import Process

    if options.process:
        what, document = options.process, read_document(options.process)
    else:
        own = container.spec.process
        what, document = "the process to execute", changed(own.document() if own else {}, options)
    with ignoring(what, context.log.warning) as ignored:
        process = Process.parse(document, what=what, ignored=ignored)
    if options.process:
        process = completed(process, container.spec.process)
    warn_of_ambient(process, context.log.warning)
    return process


_OF_THE_CONTAINER = (
    *("apparmor_profile", "capabilities", "exec_cpu_affinity", "io_priority", "oom_score_adj", "scheduler"),
    "selinux_label",
)


def completed(process: Process, own: Process | None) -> Process:
    """Return a process with what it says nothing of as the container's own has it: runc has them of the container.

    Else who leaves out `capabilities` would get all that there are. Resource limits too, which runc leaves to the caller:
    what is executed in a container is to be bound by what bounds it.
    """
    if own is None:
        return process
    missing = {name: getattr(own, name) for name in _OF_THE_CONTAINER if getattr(process, name) in (None, "")}
    if not process.rlimits and own.rlimits:
        missing["rlimits"] = own.rlimits
    if process.user.umask is None and own.user.umask is not None:
        missing["user"] = process.user.replace(umask=own.user.umask)
    return process.replace(**missing)


def changed(process: dict[str, Any], options: Options) -> dict[str, Any]:
    """Return the container's process object with what the options say, as runc changes it."""
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise InvalidArgument(
            "cannot execute in the container: no program was given", step="exec", hint="or give --process"
        )
    made = {key: value for key, value in process.items() if key != "consoleSize"}
    made |= {"args": command, "terminal": options.tty, "env": [*process.get("env", ()), *options.env]}
    given = {"cwd": options.cwd, "apparmorProfile": options.apparmor, "selinuxLabel": options.process_label}
    made |= {key: value for key, value in given.items() if value is not None}
    if options.no_new_privs:
        made["noNewPrivileges"] = True
    made["user"] = _user(dict(process.get("user", {})), options)
    if options.cap:
        made["capabilities"] = _capabilities(process.get("capabilities", {}), options.cap)
    return made


def _user(user: dict[str, Any], options: Options) -> dict[str, Any]:
    if options.user is not None:
        uid, colon, gid = options.user.partition(":")
        user["uid"] = integer(uid, what="user id")
        if colon:
            user["gid"] = integer(gid, what="group id")
    if options.additional_gids:
        added = [gid for given_together in options.additional_gids for gid in given_together]
        if min(added) < 0:
            raise InvalidArgument(f"cannot use additional group {min(added)}: it must be a positive number", step="parse")
        user["additionalGids"] = [*user.get("additionalGids", ()), *added]
    return user


def _capabilities(sets: dict[str, list[str]], added: list[str]) -> dict[str, list[str]]:
    """The bounding, permitted and effective sets; with inheritable ones, without which there are none, ambient ones too."""
    names = ("bounding", "effective", "permitted", *(("ambient",) if sets.get("inheritable") else ()))
    grown = {name: list(dict.fromkeys([*sets.get(name, ()), *added])) for name in names}
    return {**sets, **grown}
