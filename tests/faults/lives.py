"""Operations on a container that are cut off at some point: each has been carried out afterwards, or it never was."""

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from tests.integration.api_client import Answer, Api

CODE = 7
REFUSALS = (500, 503, 507)
"""By errno: what is out of order, what is lacking for now, what is full."""

_SCRIPT = f"trap 'exit {CODE}' TERM; echo up; while :; do sleep 0.05; done"
_ENDS = f"echo up; exit {CODE}"


class Operation(ABC):
    """`prepare`, `perform` and `settle` in this order; a fault comes with the second, others may answer from then on."""

    name: str
    works_on_worker = True
    """An init worker has a part in it."""

    def __init__(self, rootfs: Path, *, ends: bool = True, refusals: tuple[int, ...] = REFUSALS) -> None:
        """ends: the fault keeps nothing from being stopped and deleted. refusals: statuses that say it was refused."""
        self._rootfs = rootfs
        self._ends = ends
        self._refusals = refusals
        self.container = "box"

    def _told(self, answer: Answer | None, fine: int, *, payload_killed: bool = False) -> None:
        """It was done, or refused by somebody who knew of such an error."""
        if answer is not None:
            assert answer.status in (fine, *self._refusals, *([409] if payload_killed else ())), answer.body
            assert b"defect" not in answer.body, answer.body

    async def prepare(self, api: Api) -> None:
        await self._create(api)

    @abstractmethod
    async def perform(self, api: Api) -> Answer: ...

    @abstractmethod
    async def settle(self, api: Api, answer: Answer | None, *, payload_killed: bool) -> None:
        """Hold what is there against the answer, None where there was none; carry it out, if it was not, and remove all.

        payload_killed: the fault may have come to the worker when it was the payload already.
        """

    async def _create(self, api: Api, script: str = _SCRIPT) -> Answer:
        body = {"id": self.container, "rootfs": str(self._rootfs), "args": ["/bin/sh", "-c", script]}
        return await api.post("/v1/containers", json=body)

    async def _start(self, api: Api) -> Answer:
        return await api.post(f"/v1/containers/{self.container}/start")

    async def _status(self, api: Api) -> str | None:
        listed = (await api.get("/v1/containers")).json["containers"]
        return next((one["status"] for one in listed if one["id"] == self.container), None)

    async def _ended(self, api: Api) -> Any:
        return (await api.post(f"/v1/containers/{self.container}/wait")).json

    async def _output(self, api: Api) -> bytes:
        return (await api.get(f"/v1/containers/{self.container}/logs")).body

    async def _remove(self, api: Api) -> None:
        answer = await api.delete(f"/v1/containers/{self.container}?force=true")
        assert answer.status == 204, answer.body

    async def _runs_to_its_end(self, api: Api) -> None:
        """It was created: it starts, ends, and goes as any other."""
        assert (answer := await self._start(api)).status == 204, answer.body
        assert (await self._ended(api))["exit_code"] == CODE
        assert await self._output(api) == b"up\n"
        await self._remove(api)


class Create(Operation):
    name = "create"

    async def prepare(self, api: Api) -> None:
        pass

    async def perform(self, api: Api) -> Answer:
        return await self._create(api, _ENDS)

    async def settle(self, api: Api, answer: Answer | None, *, payload_killed: bool) -> None:
        self._told(answer, 201, payload_killed=payload_killed)
        found = await self._status(api)
        if answer is not None and answer.status == 201:
            if payload_killed and found == "stopped":  # it waited for its start
                await self._remove(api)
                return
            assert found == "created"
        elif answer is not None:
            assert found is None, found
        if found is None:
            assert (made := await self._create(api, _ENDS)).status == 201, made.body
        else:
            assert found == "created", found
        await self._runs_to_its_end(api)


class Start(Operation):
    name = "start"

    async def prepare(self, api: Api) -> None:
        await self._create(api, _ENDS)

    async def perform(self, api: Api) -> Answer:
        return await self._start(api)

    async def settle(self, api: Api, answer: Answer | None, *, payload_killed: bool) -> None:
        self._told(answer, 204, payload_killed=payload_killed)
        found = await self._status(api)
        if payload_killed:
            ended = await self._ended(api)
            assert ended["exit_code"] in (CODE, 137), ended
            await self._remove(api)
        elif found == "created":
            assert answer is None or answer.status != 204, answer.body
            await self._runs_to_its_end(api)
        else:
            assert found in ("running", "stopped"), found
            assert (await self._ended(api))["exit_code"] == CODE
            found = (await api.get(f"/v1/containers/{self.container}")).json
            assert (await self._output(api), found["lost_output_bytes"]) in ((b"up\n", 0), (b"", 3))
            await self._remove(api)


class Execute(Operation):
    """Both steps of it."""

    name = "exec"

    def __init__(self, rootfs: Path, *, ends: bool = True, refusals: tuple[int, ...] = REFUSALS) -> None:
        super().__init__(rootfs, ends=ends, refusals=refusals)
        self._begun: str | None = None

    async def prepare(self, api: Api) -> None:
        await super().prepare(api)
        await self._start(api)

    async def perform(self, api: Api) -> Answer:
        self._begun = None
        body = {"args": ["/bin/sh", "-c", f"echo once >>/ran; exit {CODE}"]}
        made = await api.post(f"/v1/containers/{self.container}/exec", json=body)
        if made.status != 201:
            return made
        self._begun = made.json["id"]
        return await api.post(f"/v1/exec/{self._begun}/start")

    async def settle(self, api: Api, answer: Answer | None, *, payload_killed: bool) -> None:
        ran = self._rootfs / "ran"
        self._told(answer, 204, payload_killed=payload_killed)
        refused = answer is not None and answer.status == 500
        assert await self._status(api) == "running"
        listed = (await api.get(f"/v1/containers/{self.container}/exec")).json["execs"]
        assert len(listed) <= 1
        for one in listed:
            await self._to_its_end(api, one["id"], payload_killed=payload_killed or refused)
            if not payload_killed and not refused:
                assert ran.read_text() == "once\n"
        ran.unlink(missing_ok=True)
        await self._remove(api)

    async def _to_its_end(self, api: Api, begun: str, *, payload_killed: bool) -> None:
        async with asyncio.timeout(30):
            while (found := (await api.get(f"/v1/exec/{begun}")).json)["status"] == "starting":
                await asyncio.sleep(0.01)
        if found["status"] == "created":
            assert (started := await api.post(f"/v1/exec/{begun}/start")).status == 204, started.body
        ended = (await api.post(f"/v1/exec/{begun}/wait")).json
        codes = (CODE, 137, 126) if payload_killed else (CODE,)
        assert ended["exit_code"] in codes or (payload_killed and ended["reason"] == "failed"), ended


class Stop(Operation):
    name = "stop"
    works_on_worker = False

    async def prepare(self, api: Api) -> None:
        await super().prepare(api)
        await self._start(api)
        async with asyncio.timeout(30):
            while await self._output(api) != b"up\n":  # its trap is set
                await asyncio.sleep(0.01)

    async def perform(self, api: Api) -> Answer:
        return await api.post(f"/v1/containers/{self.container}/stop?timeout=20")

    async def settle(self, api: Api, answer: Answer | None, *, payload_killed: bool) -> None:
        assert not payload_killed
        if answer is not None:
            assert (answer.status, answer.json["exit_code"]) == (200, CODE)
        assert await self._status(api) in ("running", "stopped")
        assert (again := await self.perform(api)).json["exit_code"] == CODE, again.body
        assert await self._ended(api) == again.json
        assert await self._output(api) == b"up\n"
        await self._remove(api)


class Delete(Operation):
    name = "delete"
    works_on_worker = False

    async def prepare(self, api: Api) -> None:
        await self._create(api, _ENDS)
        await self._start(api)
        await self._ended(api)

    async def perform(self, api: Api) -> Answer:
        return await api.delete(f"/v1/containers/{self.container}")

    async def settle(self, api: Api, answer: Answer | None, *, payload_killed: bool) -> None:
        assert not payload_killed
        assert answer is None or answer.status == 204 or not self._ends, answer.body
        self._told(answer, 204, payload_killed=payload_killed)
        found = await self._status(api)
        assert found == "stopped" or found is None, found
        assert found is None or answer is None or answer.status != 204
        if found is not None:
            assert (await self._ended(api))["exit_code"] == CODE
            await self._remove(api)


OPERATIONS = (Create, Start, Execute, Stop, Delete)
