"""Work on a thread of its own."""

import threading

import pytest

from containerd_py.runtime.linux.threads import on_own_thread


def test_what_it_returns_comes_back() -> None:
    found = on_own_thread(threading.current_thread, "netns")
    assert found is not threading.current_thread()
    assert (found.name, found.is_alive()) == ("netns", False)


def test_what_it_raises_is_raised() -> None:
    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on_own_thread(work, "netns")
