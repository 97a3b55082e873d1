"""What a payload's streams may be, and the socket that its terminal is sent to."""

import os
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from containerd_py.errors import InvalidArgument, Unavailable
from containerd_py.runtime.linux.passing import receive_fds
from containerd_py.runtime.seccomp.listener import hand_over
from containerd_py.runtime.streams import check_console_socket, hand_over_terminal


def test_a_console_socket_is_connected_to_once(tmp_path: Path) -> None:
    """Engines accept one connection, and take the terminal from it."""
    path = str(tmp_path / "console")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        check_console_socket(path, terminal=True)
        read, write = os.pipe()
        hand_over_terminal(path, write)
        connection, _address = listener.accept()
        with connection:
            _name, (taken,) = receive_fds(connection, 100, 1)
        os.write(taken, b"x")
        assert os.read(read, 1) == b"x"
        for fd in (read, write, taken):
            os.close(fd)


def test_a_console_socket_at_which_nobody_accepts_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """The container is locked meanwhile."""
    path = str(tmp_path / "console")
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as queue:
        listener.bind(path)
        listener.listen(0)
        with suppress(BlockingIOError):
            while True:
                waiting = queue.enter_context(socket.socket(socket.AF_UNIX))
                waiting.settimeout(0)
                waiting.connect(path)
        with pytest.raises(InvalidArgument, match=rf"cannot use console socket '{path}': its queue is full") as caught:
            hand_over_terminal(path, 0, timeout_s=0.05)
        assert (caught.value.step, caught.value.errno) == ("console", "ETIMEDOUT")
        with pytest.raises(
            Unavailable,
            match=rf"cannot hand seccomp listener to '{path}' .* failed to connect with seccomp agent: its queue is full",
        ) as agent:
            hand_over(path, 0, None, {"ociVersion": "1.3.0", "pid": 1}, timeout_s=0.05)
        assert (agent.value.step, agent.value.errno) == ("seccomp", "ETIMEDOUT")


@pytest.mark.parametrize("make", ["nothing", "file"])
def test_what_is_no_socket_is_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "console"
    if make == "file":
        path.touch()
    with pytest.raises(InvalidArgument, match="cannot use console socket"):
        check_console_socket(str(path), terminal=True)


def test_a_console_socket_needs_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"process\.terminal is not set"):
        check_console_socket(str(tmp_path), terminal=False)
