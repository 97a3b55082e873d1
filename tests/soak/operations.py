"""What is done at random, by many at once: on containers of one's own, and on those that all share."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.soak.caller import Answer, Caller, Wrong

_SCRIPTS = (
    "while :; do sleep 1; done",
    "trap 'exit 0' TERM; while :; do echo tick; sleep 0.05; done",
    "while read line; do echo $line; done",
    "exit 3",
    "head -c 300000 /dev/zero",
)
_MOST_SHARED = 24
_OVERSIZED = b"POST /v1/containers HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{"
_RUDE = (
    b"",
    b"GET",
    b"GET /v1/containers HTTP/1.1\r\nHost: localhost\r\n",
    b"\x16\x03\x01\x00\xff",
    b'POST /v1/containers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"rootfs": ',
    _OVERSIZED,
)


@dataclass
class World:
    """shared: ids of containers that anybody may do anything to."""

    rootfs: str
    chance: random.Random
    shared: list[str] = field(default_factory=list)

    def one(self) -> str:
        return self.chance.choice(self.shared) if self.shared else "nobody"

    def body(self, script: str, **more: Any) -> dict[str, Any]:
        return {"rootfs": self.rootfs, "args": ["/bin/sh", "-c", script], **more}


Operation = Callable[[Caller, World], Awaitable[object]]


async def make(caller: Caller, world: World) -> None:
    if len(world.shared) >= _MOST_SHARED:
        await remove(caller, world)
        return
    chance = world.chance
    more: dict[str, Any] = {"stdin": chance.random() < 0.5, "terminal": chance.random() < 0.3}
    if chance.random() < 0.2:
        more["restart"] = "on-failure:2"
    answer = await caller.call("POST", "/v1/containers", world.body(chance.choice(_SCRIPTS), **more))
    if answer.fine:
        world.shared.append(answer.json["id"])
        await caller.call("POST", f"/v1/containers/{answer.json['id']}/start")


async def remove(caller: Caller, world: World) -> None:
    container = world.one()
    answer = await caller.call("DELETE", f"/v1/containers/{container}?force=true")
    if answer.fine and container in world.shared:
        world.shared.remove(container)


async def run_own(caller: Caller, world: World) -> None:
    """Nobody else touches it: its exit code and its output must be exact."""
    code, size = world.chance.randrange(256), world.chance.randrange(200_000)
    made = await caller.call("POST", "/v1/containers", world.body(f"head -c {size} /dev/zero; exit {code}"))
    path = f"/v1/containers/{_made(made)}"
    waiting = asyncio.ensure_future(caller.call("POST", f"{path}/wait"))
    await caller.call("POST", f"{path}/start")
    ended = (await waiting).json
    output = await caller.call("GET", f"{path}/logs")
    await caller.call("DELETE", path)
    if (ended["exit_code"], len(output.body)) != (code, size):
        raise Wrong(f"{path}: exit {code} with {size} bytes became {ended} with {len(output.body)}")


def _made(answer: Answer) -> str:
    if not answer.fine:
        raise Wrong(f"a container was refused: {answer.body!r}")
    return str(answer.json["id"])


async def execute(caller: Caller, world: World) -> None:
    code = world.chance.randrange(256)
    body = {"args": ["/bin/sh", "-c", f"echo hello; exit {code}"], "terminal": world.chance.random() < 0.3}
    made = await caller.call("POST", f"/v1/containers/{world.one()}/exec", body)
    if not made.fine:
        return
    path = f"/v1/exec/{made.json['id']}"
    started = await caller.call("POST", f"{path}/start")
    if started.fine:
        if world.chance.random() < 0.3:
            await caller.glance(f"{path}/attach", 1, politely=False)
        await caller.leave("POST", f"{path}/wait", 2.0)
    await caller.call("DELETE", f"{path}?force=true")


async def attach(caller: Caller, world: World) -> None:
    chance = world.chance
    typed = b"line\n" if chance.random() < 0.5 else b""
    path = f"/v1/containers/{world.one()}/attach?offset=0"
    await caller.glance(path, chance.randrange(4), typed=typed, politely=chance.random() < 0.5)


async def follow(caller: Caller, world: World) -> None:
    query = world.chance.choice(("", "?follow=true", "?tail=3", "?timestamps=true&follow=true"))
    await caller.peek(f"/v1/containers/{world.one()}/logs{query}", world.chance.randrange(1, 4096))


async def control(caller: Caller, world: World) -> None:
    chance, path = world.chance, f"/v1/containers/{world.one()}"
    action = chance.choice(
        ("start", "stop?timeout_s=0.2", "kill", "pause", "resume", "restart?timeout_s=0.2", "resize?rows=9&columns=9")
    )
    if chance.random() < 0.2:
        await caller.leave("POST", f"{path}/{action}", chance.random() * 0.02)
    else:
        await caller.call("POST", f"{path}/{action}")
    if action == "pause":
        await caller.call("POST", f"{path}/resume")


async def change(caller: Caller, world: World) -> None:
    path = f"/v1/containers/{world.one()}"
    await caller.call("POST", f"{path}/rename?name=n{world.chance.randrange(30)}")
    await caller.call("POST", f"{path}/update", {"resources": {"pids": world.chance.randrange(20, 60)}})


async def look(caller: Caller, world: World) -> None:
    one = world.one()
    places = (
        *("/v1/containers", "/v1/info", "/v1/version", "/metrics", "/v1/doctor", "/v1/stats"),
        *(f"/v1/containers/{one}{rest}" for rest in ("", "/stats", "/top", "/timeline", "/exec")),
    )
    await caller.call("GET", world.chance.choice(places))


async def listen(caller: Caller, world: World) -> None:
    await caller.peek("/v1/events?follow=true" if world.chance.random() < 0.5 else "/v1/events", 2000)


async def wait(caller: Caller, world: World) -> None:
    await caller.leave("POST", f"/v1/containers/{world.one()}/wait", world.chance.random() * 0.05)


async def make_and_leave(caller: Caller, world: World) -> None:
    await caller.leave("POST", "/v1/containers", world.chance.random() * 0.02, world.body("exit 0"))


async def refused(caller: Caller, world: World) -> None:
    bodies: tuple[Any, ...] = (
        *([], {}, {"rootfs": "/nowhere", "args": ["x"]}, {"rootfs": world.rootfs, "args": []}),
        *({**world.body("exit 0"), "cwd": "relative"}, {**world.body("exit 0"), "unknown": 1}, {"oci": {"linux": 5}}),
    )
    answer = await caller.call("POST", "/v1/containers", world.chance.choice(bodies))
    if answer.fine:  # that there is no such program in it comes out at the start
        await caller.call("DELETE", f"/v1/containers/{answer.json['id']}?force=true")


async def rude(caller: Caller, world: World) -> None:
    await caller.rude(world.chance.choice(_RUDE))


OPERATIONS: dict[Operation, int] = {
    make: 12,
    remove: 6,
    run_own: 10,
    execute: 12,
    attach: 10,
    follow: 10,
    control: 15,
    change: 5,
    look: 10,
    listen: 4,
    wait: 5,
    make_and_leave: 3,
    refused: 5,
    rude: 5,
}
"""With how often each one is drawn."""
