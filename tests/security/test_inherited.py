"""A payload has nothing of whoever started the runtime: attributes, limits, what the caller ignores or has open."""

import pytest

from tests.oci.bundle import CAPABILITIES
from tests.oci.containers import Containers

SHOW = (
    "grep -E '^(Sig(Ign|Blk|Cgt)|Umask|Groups|Cap|NoNewPrivs|Cpus_allowed:|CoreDumping|THP_enabled)' /proc/self/status; "
    "cut -d' ' -f19,41 /proc/self/stat; cat /proc/self/oom_score_adj; ls /proc/self/fd; env; pwd; ulimit -Sa; "
    "cat /proc/self/timerslack_ns /proc/self/coredump_filter /proc/self/personality 2>&1; ionice -p 1; ionice"
)

USUAL = "true"
LEFT: dict[str, str] = {
    "nice": "renice -n 7 $$ >/dev/null",
    "processors": "taskset -p 1 $$ >/dev/null",
    "umask": "umask 077",
    "signals": "trap '' PIPE INT TERM HUP USR1 CHLD XFSZ",
    "oom": "echo 500 > /proc/self/oom_score_adj",
    "slack": "echo 999999 > /proc/$$/timerslack_ns",
    "core filter": "echo 0x7f > /proc/self/coredump_filter",
    "descriptors": "exec 5</etc/passwd 6</etc 7>/dev/null 63</",
    "environment": "export CANARY=of-the-caller LD_PRELOAD= PYTHONSTARTUP=/nowhere GCONV_PATH=/nowhere",
    "directory": "cd /etc",
    "limits": "ulimit -S -n 64 -s 4096 -c unlimited",
    "priority": "ionice -c 3 -p $$",
    "policy": "chrt -b -p 0 $$",
}

_RIGHTS = {"process.capabilities": dict.fromkeys(("bounding", "effective", "permitted"), CAPABILITIES)}
_CRUN = pytest.mark.lacks("crun", "hands most of it on, and waits for ever where SIGCHLD was ignored", run=False)
_RUNC = pytest.mark.lacks("runc", "hands most of it on")


@_CRUN
@_RUNC
def test_what_the_caller_has_is_not_handed_on(oci: Containers) -> None:
    def shown(before: str) -> str:
        return oci.sh(SHOW, _RIGHTS, before=before)

    usual = shown(USUAL)
    assert {what: shown(before) for what, before in LEFT.items()} == dict.fromkeys(LEFT, usual)


@_CRUN
@_RUNC
def test_nor_to_what_is_run_further(oci: Containers) -> None:
    box = oci.start(_RIGHTS)

    def shown(before: str) -> str:
        return box.exec("/bin/sh", "-c", SHOW, before=before).ok().stdout

    usual = shown(USUAL)
    assert {what: shown(before) for what, before in LEFT.items()} == dict.fromkeys(LEFT, usual)
