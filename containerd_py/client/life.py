"""The life of a container: from its start to its end."""

from __future__ import annotations

from containerd_py import wire
from containerd_py.client.calls import Calls, given
from containerd_py.client.failures import raise_for_late_error, read_model
from containerd_py.client.paths import container_path


class LifeCalls(Calls):
    async def start(self, container: str) -> None:
        """Return once its program is executed; a container that has stopped is made anew first.

        NotFound: there is none such. Conflict: it runs. InvalidArgument with the step "exec": the program could not be
        executed. NotSupported, OutOfSpace, DeadlineExceeded: as by `create`.
        """
        await self._connection.exchange("POST", container_path(container, "start"))

    async def kill(self, container: str, signal: str = "SIGKILL") -> None:
        """Send a signal to the payload; signal: "SIGTERM", "TERM" or "15".

        NotFound: there is none such. Conflict: it does not run.
        """
        await self._connection.exchange("POST", container_path(container, "kill"), {"signal": signal})

    async def pause(self, container: str) -> None:
        """Return once every process of it has stopped where it stood.

        NotFound: there is none such. Conflict: it does not run, or is paused. NotSupported: the host has no freezer.
        OutOfSpace: no room to note it.
        """
        await self._connection.exchange("POST", container_path(container, "pause"))

    async def resume(self, container: str) -> None:
        """Let it go on. NotFound: there is none such. Conflict: it is not paused."""
        await self._connection.exchange("POST", container_path(container, "resume"))

    async def stop(self, container: str, timeout_s: float | None = None, signal: str | None = None) -> wire.Exit:
        """Send a signal, and SIGKILL after `timeout_s`; return how the payload ended.

        None: as the container was created with, else SIGTERM and 10 s. Its restart policy is over until it is started.
        NotFound: there is none such. Conflict: it was never started. DeadlineExceeded: SIGKILL has not ended it yet.
        """
        path = container_path(container, "stop")
        return await self._connection.fetch(wire.Exit, "POST", path, given(timeout=timeout_s, signal=signal))

    async def restart(self, container: str, timeout_s: float | None = None, signal: str | None = None) -> None:
        """Stop it as `stop` does, where it runs, and start it again: same id, same name, its output goes on.

        NotFound: there is none such. Conflict: it is being removed. InvalidArgument, NotSupported, OutOfSpace,
        DeadlineExceeded: as by `stop` and `start`.
        """
        query = given(timeout=timeout_s, signal=signal)
        await self._connection.exchange("POST", container_path(container, "restart"), query)

    async def wait(self, container: str, condition: str | None = None) -> wire.Exit:
        """Return when the payload ended, with how it did. NotFound: there is none such.

        condition: "not-running" (the default: at once where it has stopped), "next-exit" or "removed".
        """
        return await self._end(container_path(container, "wait"), given(condition=condition))

    async def wait_until(self, container: str, condition: str = "healthy") -> wire.Reached | wire.Exit:
        """Return once a condition that is no end has come: "healthy" or "ready"; or how the run has ended before.

        NotFound: there is none such. Conflict: it has no health check, or does not notify.
        """
        path = container_path(container, "wait")
        answer = await self._connection.exchange("POST", path, {"condition": condition})
        raise_for_late_error(answer)
        if b'"condition"' in answer:
            return read_model(wire.Reached, answer, f"POST {path}")
        return read_model(wire.Exit, answer, f"POST {path}")
