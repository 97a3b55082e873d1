"""A payload that says by sd_notify(3) what it is told to say; Python of the host, bound into the container."""

import asyncio
from pathlib import Path
from typing import Any

from tests.integration.api_client import Api

SAY = r"""
import array, os, socket, struct, sys, threading, time

peer = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

def say(text, rights=()):
    peer.sendmsg([text], rights, 0, os.environ["NOTIFY_SOCKET"])

def lingering():
    # both ends of a connection; whoever closes the first one last waits for an hour
    server = socket.create_server(("127.0.0.1", 0))
    end = socket.create_connection(server.getsockname())
    other, _ = server.accept()
    end.setblocking(False)
    try:
        while True:
            end.send(bytes(65536))
    except BlockingIOError:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    return end, other

def give_away(*sockets):
    # by messages of their own, behind others: ours are closed before they are heard
    for number in range(5):
        say(b"STATUS=%d" % number)
    for one in sockets:
        say(b"STATUS=given away", [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno()]))])
        one.close()

def beat(text):
    while True:
        say(text)
        time.sleep(0.1)

def by_itself():
    while not os.path.exists("/go"):
        time.sleep(0.01)
    if "linger" in sys.argv:
        give_away(*reversed(lingering()))
        open("/gone", "w").close()
        os._exit(7)
    say(b"STATUS=by itself")

delay = "delay" in sys.argv
if not delay:
    threading.Thread(target=by_itself, daemon=True).start()
print("up", flush=True)
for line in sys.stdin.buffer:
    text = line.rstrip(b"\n").replace(rb"\n", b"\n")
    how, _, rest = text.partition(b":")
    if how == b"child":
        if os.fork() == 0:
            say(rest)
            os._exit(0)
        os.wait()
    elif how == b"fds":
        say(rest, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * 200))])
    elif how == b"linger":
        end, other = lingering()
        give_away(end)
    elif how == b"beat":
        threading.Thread(target=beat, args=(rest,), daemon=True).start()
    elif how == b"exit":
        say(rest)
        os._exit(7)
    else:
        if delay and b"meanwhile" in text:
            while not os.path.exists("/go"):
                time.sleep(0.01)
        try:
            say(text)
        except OSError as problem:
            print(problem, flush=True)
        if delay and b"meanwhile" in text:
            open("/said", "w").close()
time.sleep(1000)
"""


async def talker(api: Api, rootfs: Path, *options: str, delay: bool = False, **fields: Any) -> str:
    """Return a container that says each line of its input; "\\n" in one is a new line. It can read by then.

    options: "linger": by itself it gives descriptors away that are slow to be closed, and ends.
    """
    for name, target in (("lib", "usr/lib"), ("lib64", "usr/lib64")):
        if not (rootfs / name).is_symlink():
            (rootfs / name).symlink_to(target)
    mounts = [{"source": "/usr", "target": "/usr", "options": ["ro"]}]
    asked = {"notify": True, "stdin": True, "mounts": mounts} | fields
    args = ("/usr/bin/python3", "-c", SAY, *(["delay"] if delay else []), *options)
    container = await api.create(rootfs, *args, **asked)
    started = await api.post(f"/v1/containers/{container}/start")
    assert started.status == 204, started.json
    return container


async def state(api: Api, container: str) -> Any:
    return (await api.get(f"/v1/containers/{container}")).json["notify_state"]


async def say(api: Api, container: str, text: str, **expected: Any) -> None:
    """Have it say something, and wait until that is heard: until these fields are so."""
    data = text.replace("\n", "\\n").encode() + b"\n"
    answer = await api.request("PUT", f"/v1/containers/{container}/stdin", data=data)
    assert answer.status == 204, answer.body
    async with asyncio.timeout(30):
        while True:
            found = await state(api, container)
            if {name: found[name] for name in expected} == expected:
                return
            await asyncio.sleep(0.01)
