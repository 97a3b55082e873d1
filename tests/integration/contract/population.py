"""Containers and execs in every state, for requests that come in any order and undo each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

_TRIES = 10
_BASE = "http://localhost"
STOPPABLE = "trap 'exit 0' TERM; echo ready; while :; do read -r line && echo $line; busybox sleep 0.05; done"
_COMMON = {"stdin": True, "stop_timeout_s": 0.2, "labels": {"kept": "yes"}}

CONTAINERS: dict[str, dict[str, Any]] = {
    "running": {"args": ["/bin/sh", "-c", STOPPABLE]},
    "shown": {"args": ["/bin/sh", "-c", STOPPABLE], "terminal": True},
    "created": {"args": ["/bin/sh", "-c", STOPPABLE]},
    "paused": {"args": ["/bin/sh", "-c", STOPPABLE]},
    "stopped": {"args": ["/bin/echo", "hello"]},
}
"""By id: what each is created with, beside what is common to all."""
EXECS = ("exec-created", "exec-running", "exec-shown", "exec-stopped")
"""Names that stand for the ids of execs, which the daemon chooses."""
OPERATIONS = ("operation-ended",)
"""Likewise, for the last one that has ended."""


class _Changed(Exception):
    """What was asked for cannot be done, as something is in another state than a moment ago."""


class Population:
    """What `settle` brings back, whatever became of it."""

    def __init__(self, session: requests.Session, rootfs: str) -> None:
        self._session = session
        self._rootfs = rootfs
        self._execs: dict[str, str] = {}

    def id_of(self, name: str) -> str:
        """Return the id that a name of EXECS or OPERATIONS stands for; anything else as it is."""
        if name in OPERATIONS:
            told = self._ask("GET", "/v1/operations")["operations"]
            return next(str(one["id"]) for one in reversed(told) if one["status"] != "running")
        return self._execs.get(name, name)

    def settle(self) -> None:
        """Remove what is not of us, and have each of ours in its state again.

        Where one ends in the middle of that, of a signal that was sent before, it is begun anew.
        """
        for _ in range(_TRIES):
            try:
                return self._settle()
            except _Changed as change:
                reason = change
        raise reason

    def _settle(self) -> None:
        there = {one["id"]: one for one in self._ask("GET", "/v1/containers")["containers"]}
        for id_, one in there.items():
            if id_ not in CONTAINERS or _spoiled(one, id_):
                self._ask("DELETE", f"/v1/containers/{id_}?force=true")
        for id_, special in CONTAINERS.items():
            if id_ not in there or _spoiled(there[id_], id_):
                self._create(id_, special)
        self._settle_execs()

    def remove(self) -> None:
        for one in self._ask("GET", "/v1/containers")["containers"]:
            self._ask("DELETE", f"/v1/containers/{one['id']}?force=true")

    def _create(self, id_: str, special: dict[str, Any]) -> None:
        self._ask("POST", "/v1/containers", {"id": id_, "rootfs": self._rootfs} | _COMMON | special)
        if id_ != "created":
            self._ask("POST", f"/v1/containers/{id_}/start")
        if id_ == "stopped":
            self._ask("POST", f"/v1/containers/{id_}/wait")
        if id_ == "paused":
            self._ask("POST", f"/v1/containers/{id_}/pause")

    def _settle_execs(self) -> None:
        found = self._ask("GET", "/v1/containers/running/exec")["execs"]
        status = {one["id"]: one["status"] for one in found}
        for name in EXECS:
            if status.get(self._execs.get(name, "")) != name.removeprefix("exec-").replace("shown", "running"):
                self._create_exec(name)
        for id_ in set(status) - set(self._execs.values()):
            self._ask("DELETE", f"/v1/exec/{id_}?force=true")

    def _create_exec(self, name: str) -> None:
        args = ["/bin/true"] if name == "exec-stopped" else ["/bin/sh", "-c", STOPPABLE]
        body = {"args": args, "stdin": True, "terminal": name == "exec-shown"}
        id_ = self._ask("POST", "/v1/containers/running/exec", body)["id"]
        self._execs[name] = id_
        if name != "exec-created":
            self._ask("POST", f"/v1/exec/{id_}/start")
        if name == "exec-stopped":
            self._ask("POST", f"/v1/exec/{id_}/wait")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._session.request(method, _BASE + path, json=body)
        if not answer.ok:
            raise _Changed(f"{method} {path}: {answer.text}")
        return answer.json() if answer.content else None


def _spoiled(one: dict[str, Any], id_: str) -> bool:
    """Whether a container of ours is in another state, or under another name."""
    status = "running" if id_ == "shown" else id_
    return bool(one["status"] != status or one["name"] != id_)
