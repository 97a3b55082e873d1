"""SCMP_ACT_NOTIFY: the listener goes to an agent by linux.seccomp.listenerPath, and the agent answers for the kernel."""

import array
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

from tests.oci.containers import Containers

_RECEIVE = 0xC050_2100  # SECCOMP_IOCTL_NOTIF_RECV (linux/seccomp.h)
_SEND = 0xC018_2101
_QUESTION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_DEADLINE_S = 20


def _whole(text: bytes) -> bool:
    try:
        json.loads(text.rstrip(b"\0"))
    except ValueError:
        return False
    return True


class Agent:
    """Hears what is sent with a listener, and answers the first call that it is asked about with EDOM."""

    def __init__(self, path: Path) -> None:
        self.heard: dict[str, Any] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(_DEADLINE_S)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _address = self._listener.accept()
        fds = array.array("i")
        with connection:
            data, messages, _flags, _from = connection.recvmsg(
                2**16, socket.CMSG_LEN(fds.itemsize), socket.MSG_CMSG_CLOEXEC
            )
            while not _whole(data) and (more := connection.recv(2**16)):  # crun and runc keep it open
                data += more
        fds.frombytes(messages[0][2])
        self.heard = json.loads(data.rstrip(b"\0"))
        question = bytearray(_QUESTION.size)
        try:
            fcntl.ioctl(fds[0], _RECEIVE, question)
            fcntl.ioctl(fds[0], _SEND, _ANSWER.pack(_QUESTION.unpack(question)[0], 0, -errno.EDOM, 0))
        finally:
            os.close(fds[0])

    def close(self) -> None:
        self._thread.join(_DEADLINE_S + 1)
        self._listener.close()


@pytest.fixture
def agent(place: Path) -> Iterator[Agent]:
    made = Agent(place / "agent")
    yield made
    made.close()


def notifying(path: Path | None, **more: Any) -> dict[str, Any]:
    rule = {"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [rule], **more}
    return {"linux.seccomp": {**profile, **({"listenerPath": str(path)} if path else {})}}


@pytest.mark.parametrize("rights", [True, False])
def test_the_agent_answers(oci: Containers, place: Path, agent: Agent, rights: bool) -> None:  # noqa: FBT001
    changes = {"process.noNewPrivileges": rights, **notifying(place / "agent", listenerMetadata="about it")}
    assert "argument out of domain" in oci.sh("mkdir /scratch 2>&1; true", changes)
    agent.close()
    assert agent.heard["state"]["id"] == oci.made[-1].id
    assert agent.heard["metadata"] == "about it"
    assert agent.heard["fds"] == ["seccompFd"]


def test_an_agent_that_is_not_there_undoes_the_start(oci: Containers, place: Path) -> None:
    result = oci.run(notifying(place / "nobody"))
    assert result.code not in (0, 127)
    assert str(place / "nobody") in result.stderr or oci.runtime.kind != "pyrunc"


@pytest.mark.lacks("crun", "notices it when the payload asks")
def test_a_question_without_an_agent_is_refused(oci: Containers) -> None:
    oci.refused(notifying(None))
