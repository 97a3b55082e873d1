"""Threads without the price of `threading`, and of what it imports, at each start of a program (ADR 26)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from threading import Thread
else:
    import _thread

    class Thread:
        """A thread that a program does not wait for at its end, as `threading.Thread` with `daemon=True`."""

        def __init__(self, *, target, args, daemon):
            assert daemon, "others are for `threading`"  # noqa: S101 - who writes the call reads it
            self._target = target
            self._args = args
            self._running = _thread.allocate_lock()

        def start(self):
            """Raises RuntimeError where there can be no more."""
            self._running.acquire()
            try:
                _thread.start_new_thread(self._run, ())
            except BaseException:
                self._running.release()
                raise

        def _run(self):
            try:
                self._target(*self._args)
            finally:
                self._running.release()

        def join(self, timeout=None):
            """Wait for its end. timeout: for so many seconds at most."""
            if self._running.acquire(timeout=-1 if timeout is None else timeout):
                self._running.release()


__all__ = ["Thread"]
