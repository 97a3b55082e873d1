"""A stage or launcher that is killed once it has forked: the worker is its parent's child, and no zombie stays behind."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from containerd_py.errors import Internal
from containerd_py.runtime import launcher, prepared
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.process import Clone
from containerd_py.runtime.spawner import seal
from containerd_py.runtime.spawner.request import Entering, ForkRequest

# Forks by a stage, as the spawner does, in a process with one thread; `kill` is where the stage is killed.
_SCRIPT = """
    import errno, os, signal, socket
    from containerd_py.runtime.linux.process import Clone
    from contextlib import nullcontext

    from containerd_py.runtime.spawner import fork
    from containerd_py.runtime.spawner.request import Entering, ForkRequest

    def killed():
        os.kill(os.getpid(), signal.SIGKILL)

    {kill}
    own = os.open("/proc/self/ns/uts", os.O_RDONLY)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = ForkRequest(theirs.fileno(), Clone.NEWUTS, entering=Entering(((own, Clone.NEWUTS),)))
    try:
        pid, pidfd = fork.fork_worker(request, nullcontext())
    except OSError as problem:
        print("refused", errno.errorcode[problem.errno], problem)
    else:
        theirs.close()
        ours.close()  # the worker ends, whom nobody speaks to
        assert os.waitid(os.P_PIDFD, pidfd.fileno(), os.WEXITED).si_pid == pid
        print("reaped")
    try:
        print(os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG))
    except ChildProcessError:
        print("nothing left")
"""
_AFTER = """
    forked = fork._fork
    def fork_and_die(request, parent, birth):
        forked(request, parent, birth)
        killed()
    fork._fork = fork_and_die
"""
_BEFORE = "fork.enter = lambda entering, but: killed()"
_NEVER = "import time; fork._STAGE_S = 0.05; fork.enter = lambda entering, but: time.sleep(1000)"
_NO_ROOM = "fork.pidfd_open = lambda pid: os.open('/nowhere', 0)"


def run(kill: str) -> list[str]:
    script = textwrap.dedent(_SCRIPT).replace("{kill}", textwrap.dedent(kill))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("kill", ["", _AFTER], ids=["lives", "killed after its fork"])
def test_the_worker_of_a_stage_is_known_and_reaped(kill: str) -> None:
    assert run(kill) == ["reaped", "nothing left"]


@pytest.mark.parametrize(
    ("kill", "told"),
    [
        (_BEFORE, "EIO the process that enters the namespaces ended (-9); is their container being ended?"),
        (_NEVER, "ETIMEDOUT the namespaces were not entered within 0.05 s; is their container frozen?"),
        (_NO_ROOM, "ENOENT No such file or directory: '/nowhere'"),
    ],
    ids=["killed before", "frozen", "no room for a descriptor"],
)
def test_without_a_worker_it_is_told_why_and_nothing_is_left(kill: str, told: str) -> None:
    refused, left = run(kill)
    code, text = told.split(" ", 1)
    assert refused.startswith(f"refused {code} ")
    assert refused.endswith(text)
    assert left == "nothing left"


_LAUNCHER = """
    import os, signal, sys
    sys.path.append(sys.argv[1])
    sys.argv.pop(2)  # where bytecode is kept
    from containerd_py.runtime.spawner import fork, roles
    forked = fork._fork
    def fork_and_die(request, parent, birth):
        forked(request, parent, birth)
        os.kill(os.getpid(), signal.SIGKILL)
    fork._fork = fork_and_die
    roles.main()
"""


def test_a_launcher_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen with the container that it has entered, say."""
    monkeypatch.setattr(launcher, "_LAUNCH_S", 0.1)
    stopped = prepared.Launcher.start()
    os.kill(stopped.pid, signal.SIGSTOP)
    monkeypatch.setattr(prepared, "_prepared", [stopped])
    ours, theirs = launcher.open_dialogue()
    with ours, theirs, pytest.raises(Internal, match="ended without a word"):
        launcher.fork(ForkRequest(theirs.fileno(), Clone(0)), ours)


def test_the_worker_of_a_launcher_that_was_killed_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seal, "_BOOTSTRAP", textwrap.dedent(_LAUNCHER))
    ours, theirs = launcher.open_dialogue()
    with ours, Fd(os.open("/proc/self/ns/uts", os.O_RDONLY)) as own:
        with theirs:
            joins = ((own.fileno(), int(Clone.NEWUTS)),)
            worker = launcher.fork(ForkRequest(theirs.fileno(), Clone.NEWUTS, entering=Entering(joins)), ours)
        worker.close()  # it ends, whom nobody speaks to
        assert os.waitid(os.P_PID, worker.pid, os.WEXITED) is not None
