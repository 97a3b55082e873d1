"""The bench's HTTP client reads every form of answer that the daemon gives."""

import socket
import threading
from pathlib import Path

import pytest

from tests.bench.connection import Connection, Failed

_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"
_CHUNKS = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n'
_ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"


def answers(tmp_path: Path, *given: bytes) -> list[bytes]:
    """Return what a client makes of answers that a server gives one after the other."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "api.sock"))
        listener.listen()

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                for answer in given:
                    connection.recv(4096)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with Connection(str(tmp_path / "api.sock")) as client:
                return [client.request("GET", "/") for _ in given]
        finally:
            thread.join()


def test_answers_of_every_form_one_after_the_other(tmp_path: Path) -> None:
    assert answers(tmp_path, _CHUNKS, _NOTHING, _WHOLE, _CHUNKS) == [b'{"a":1}', b"", b"{}", b'{"a":1}']


def test_an_answer_without_an_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="nothing tells where it ends"):
        answers(tmp_path, _ENDLESS)
