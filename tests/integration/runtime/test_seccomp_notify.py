"""A filter that asks an agent: its listener goes from the worker by its parent to the agent, which answers. Needs root."""

import errno
import fcntl
import json
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Unavailable
from containerd_py.runtime import WaitStatus, parse
from containerd_py.runtime.init import dialogue
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.passing import receive_fds
from containerd_py.runtime.plan.compiler import Placing, compile_plan
from containerd_py.runtime.plan.plan import Plan
from containerd_py.runtime.seccomp.compile import compile_profile
from containerd_py.runtime.seccomp.listener import hand_over
from containerd_py.runtime.spec.validate import validate
from tests.integration.runtime.test_worker import Run
from tests.integration.runtime.workshop import document

_NOTIF_RECV = 0xC050_2100  # SECCOMP_IOCTL_NOTIF_RECV (linux/seccomp.h)
_NOTIF_SEND = 0xC018_2101
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_RESPONSE = struct.Struct("=QqiI")
STATE = {"ociVersion": "1.3.0", "id": "box", "status": "creating", "pid": 4422, "bundle": "/b"}


class Agent:
    """Answers the first call that it is asked about with an error number."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = str(path)
        self.heard: dict[str, Any] = {}
        self._number = number
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(self.path)
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        self._socket.settimeout(20)
        connection, _address = self._socket.accept()
        with connection:
            data, fds = receive_fds(connection, 4096, 4)
            while more := connection.recv(4096):
                data += more
        self.heard = json.loads(data)
        with Fd(fds[0]) as listener:
            self._answer(listener.fileno())

    def _answer(self, listener: int) -> None:
        question = bytearray(_NOTIFICATION.size)
        fcntl.ioctl(listener, _NOTIF_RECV, question)
        fcntl.ioctl(listener, _NOTIF_SEND, _RESPONSE.pack(_NOTIFICATION.unpack(question)[0], 0, -self._number, 0))

    def close(self) -> None:
        self._thread.join(20)
        self._socket.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "agent.sock", errno.EDOM)
    yield made
    made.close()


def plan_for(rootfs: Path, path: str, *, no_new_privileges: bool) -> Plan:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}
    changes = {
        "process.args": ["/bin/sh", "-c", "busybox mkdir /scratch; busybox mkdir /scratch; ls /"],
        "process.noNewPrivileges": no_new_privileges,
        "linux.seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule], "listenerPath": path},
    }
    spec = parse(document(changes))
    validate(spec)
    assert spec.linux.seccomp is not None
    return compile_plan(spec, Placing(str(rootfs), "box", 0), compile_profile(spec.linux.seccomp))


def take_listener(run: Run) -> Fd:
    message, fds = dialogue.receive(run.worker.control)
    assert message == dialogue.Listener()
    (listener,) = fds
    return Fd(listener)


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_an_agent_answers_for_the_kernel(rootfs: Path, agent: Agent, *, no_new_privileges: bool) -> None:
    run = Run(plan_for(rootfs, agent.path, no_new_privileges=no_new_privileges))
    try:
        if no_new_privileges:
            assert isinstance(run.ready(), dialogue.Ready)
            dialogue.send_start(run.worker.control)
            listener = take_listener(run)
        else:  # loaded while the worker still has CAP_SYS_ADMIN, and so before it is ready
            listener = take_listener(run)
            assert isinstance(run.ready(), dialogue.Ready)
            dialogue.send_start(run.worker.control)
        with listener:
            hand_over(agent.path, listener.fileno(), "opaque", STATE)
        agent.close()
        assert run.wait() == WaitStatus(0, None)
        output = run.read()
    finally:
        run.close()
    assert output.startswith("mkdir: can't create directory '/scratch': Numerical argument out of domain\n")
    assert agent.heard == {
        "ociVersion": "1.3.0",
        "fds": ["seccompFd"],
        "pid": 4422,
        "metadata": "opaque",
        "state": STATE,
    }


def test_an_agent_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = str(tmp_path / "nobody.sock")
    with open(os.devnull, "rb") as some, pytest.raises(Unavailable) as caught:
        hand_over(path, some.fileno(), None, STATE)
    told = f"cannot hand seccomp listener to {path!r} (linux.seccomp.listenerPath): "
    assert caught.value.message == told + "failed to connect with seccomp agent: No such file or directory"
    assert (caught.value.step, caught.value.errno) == ("seccomp", "ENOENT")


def test_a_document_larger_than_the_socket_takes_at_once_arrives_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening, open(os.devnull, "rb") as some:
        listening.bind(path)
        listening.listen()
        metadata = "x" * 1_000_000
        sending = threading.Thread(target=hand_over, args=(path, some.fileno(), metadata, STATE))
        sending.start()
        connection, _address = listening.accept()
        with connection:
            data, fds = receive_fds(connection, 4096, 4)
            while more := connection.recv(65_536):
                data += more
        sending.join()
    assert json.loads(data)["metadata"] == metadata
    assert [os.major(os.fstat(fd).st_rdev) for fd in fds] == [1]
    for fd in fds:
        os.close(fd)
