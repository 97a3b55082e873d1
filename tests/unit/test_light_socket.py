"""Sockets as those of the standard library."""

import os
import socket
import stat

import pytest

from containerd_py.light import socket as light_socket

_PAIR = (light_socket.AF_UNIX, light_socket.SOCK_SEQPACKET)


def test_a_pair_is_connected_closed_at_exec_and_of_the_kind_asked_for() -> None:
    ours, theirs = light_socket.socketpair(*_PAIR)
    with ours, theirs:
        assert ours.send(b"hello") == 5
        assert theirs.recv(10) == b"hello"
        assert (ours.family, ours.type) == _PAIR
        assert not os.get_inheritable(ours.fileno())


def test_it_is_closed_at_the_end_of_its_block_and_again_without_harm() -> None:
    ours, theirs = light_socket.socketpair(*_PAIR)
    with ours, theirs:
        pass
    assert (ours.fileno(), theirs.fileno()) == (-1, -1)
    ours.close()


def test_what_is_accepted_can_do_the_same(tmp_path: object) -> None:
    with light_socket.socket(*_PAIR) as listener, light_socket.socket(*_PAIR) as caller:
        listener.bind(f"{tmp_path}/socket")
        listener.listen()
        caller.connect(f"{tmp_path}/socket")
        connection, address = listener.accept()
        with connection:
            assert address == ""
            assert (connection.family, connection.type) == _PAIR
            caller.send(b"hello")
            assert connection.recv(10) == b"hello"
            assert not os.get_inheritable(connection.fileno())
        assert connection.fileno() == -1


def test_one_of_a_descriptor_finds_out_its_kind_and_gives_it_back() -> None:
    ours, theirs = light_socket.socketpair(*_PAIR)
    with theirs:
        again = light_socket.socket(fileno=ours.detach())
        assert (again.family, again.type) == _PAIR
        number = again.detach()
        assert stat.S_ISSOCK(os.fstat(number).st_mode)
        os.close(number)


def test_a_duplicate_lives_on_its_own() -> None:
    ours, theirs = light_socket.socketpair(*_PAIR)
    with theirs:
        with ours:
            again = ours.dup()
        with again:
            again.send(b"hello")
            assert theirs.recv(10) == b"hello"
            assert not os.get_inheritable(again.fileno())
            assert (again.family, again.type) == _PAIR


def test_it_stays_open_at_exec_where_that_is_wished() -> None:
    ours, theirs = light_socket.socketpair(*_PAIR)
    with ours, theirs:
        for wished in (True, False):
            ours.set_inheritable(wished)
            assert os.get_inheritable(ours.fileno()) is wished


def test_one_that_nobody_closes_is_told() -> None:
    ours, theirs = light_socket.socketpair(*_PAIR)
    theirs.close()
    with pytest.warns(ResourceWarning):
        del ours


@pytest.mark.parametrize("name", [name for name in light_socket.__all__ if name.isupper()])
def test_constants_are_those_of_the_standard_library(name: str) -> None:
    assert getattr(light_socket, name) == getattr(socket, name)
