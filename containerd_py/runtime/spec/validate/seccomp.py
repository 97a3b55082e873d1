"""The seccomp profile (config-linux.md, "Seccomp"; seccomp(2))."""

from __future__ import annotations

from containerd_py.runtime.spec.validate.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from containerd_py.runtime.spec.linux import Seccomp
    from containerd_py.runtime.spec.models import Spec

_NOTIFY = "SCMP_ACT_NOTIFY"
_WITH_NUMBER = {"SCMP_ACT_ERRNO": 4095, "SCMP_ACT_TRACE": 65_535}  # MAX_ERRNO; any 16 bits for the tracer
_NEEDED_TO_HAND_OVER = ("write", "sendmsg")
_LONGEST_SOCKET = 107  # of sockaddr_un.sun_path, unix(7)


def seccomp_problems(spec: Spec) -> Iterator[Problem]:
    profile = spec.linux.seccomp
    if profile is None:
        return
    yield from _numbers(profile)
    yield from _notification(profile)


def _numbers(profile: Seccomp) -> Iterator[Problem]:
    where = "linux.seccomp"
    actions = (
        (f"{where}.defaultErrnoRet", profile.default_action, profile.default_errno_ret),
        *(
            (f"{where}.syscalls.{index}.errnoRet", rule.action, rule.errno_ret)
            for index, rule in enumerate(profile.syscalls)
        ),
    )
    for path, action, number in actions:
        if number is not None and action not in _WITH_NUMBER:
            yield Problem(path, f"{action} returns no number")
        elif number is not None and number > _WITH_NUMBER[action]:
            yield Problem(path, f"is above {_WITH_NUMBER[action]}")


def _notification(profile: Seccomp) -> Iterator[Problem]:
    where = "linux.seccomp"
    if profile.default_action == _NOTIFY:
        yield Problem(f"{where}.defaultAction", f"{_NOTIFY} cannot be what holds for every call")
    notified = [(index, rule) for index, rule in enumerate(profile.syscalls) if rule.action == _NOTIFY]
    for index, rule in notified:
        for name in set(rule.names) & set(_NEEDED_TO_HAND_OVER):
            cause = f"{_NOTIFY} cannot be used for the {name} syscall: the listener is sent by it"
            yield Problem(f"{where}.syscalls.{index}.names", cause)
    if notified and not profile.listener_path:
        yield Problem(f"{where}.listenerPath", f"is needed for {_NOTIFY}")
    if profile.listener_metadata and not profile.listener_path:
        yield Problem(f"{where}.listenerMetadata", "needs listenerPath")
    path = profile.listener_path
    if path and (not path.startswith("/") or len(path.encode()) > _LONGEST_SOCKET):
        yield Problem(f"{where}.listenerPath", f"must be absolute, {_LONGEST_SOCKET} bytes at most, not {path!r}")
    if "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" in profile.flags and not notified:
        yield Problem(f"{where}.flags", f"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs {_NOTIFY}")
