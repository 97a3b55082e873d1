"""Handing a seccomp listener to an agent."""

import os
import socket
import threading
from pathlib import Path

import pytest

from containerd_py.runtime.linux.passing import send_fds
from containerd_py.runtime.seccomp import listener
from containerd_py.runtime.state import State


def test_an_agent_may_hang_up_once_it_has_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()

        def answer() -> None:
            connection, _address = agent.accept()
            with connection:
                heard.append(connection.recv(2**16))

        thread = threading.Thread(target=answer)
        thread.start()

        def send_and_wait(connection: socket.socket, data: bytes, fds: tuple[int, ...]) -> int:
            sent = send_fds(connection, data, fds)
            thread.join()
            return sent

        monkeypatch.setattr(listener, "send_fds", send_and_wait)
        with open(os.devnull, "rb") as file:
            listener.hand_over(
                str(tmp_path / "agent"), file.fileno(), "about it", State("box", "created", 7, "/bundle").document()
            )
    assert b'"about it"' in heard[0]
