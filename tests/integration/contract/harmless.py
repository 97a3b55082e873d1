"""Made-up requests, changed where they could do harm, or would take the time that they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.integration.contract.population import STOPPABLE

if TYPE_CHECKING:
    from pathlib import Path

    from schemathesis import Case

_LONGEST_S = 0.2
_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass(frozen=True)
class Harmless:
    """nowhere: a folder that does not exist, below which paths of the host are put."""

    rootfs: Path
    nowhere: Path

    def tame(self, case: Case[Any], *, runs: bool) -> None:
        """runs: make it a request for something that runs here, and leave the rest of it as it is."""
        if case.query and "timeout" in case.query:
            case.query["timeout"] = _at_most(case.query["timeout"])
        if runs and case.query and "path" in case.query:
            case.query["path"] = "/bin"
        if runs and case.path.endswith("/attach"):
            case.headers.update(_HANDSHAKE)
        if isinstance(case.body, dict):
            self._body(case.body, runs=runs)

    def _body(self, body: dict[str, Any], *, runs: bool) -> None:
        if "stop_timeout_s" in body:
            body["stop_timeout_s"] = _at_most(body["stop_timeout_s"])
        if "oci" in body and isinstance(body["oci"], dict):
            body["oci"].pop("root", None)  # then nothing is made of it: an OCI document needs one
        for key in ("rootfs", "bundle"):
            if key in body:
                body[key] = self._elsewhere(body[key])
        mounts = body.get("mounts")
        for mount in mounts if isinstance(mounts, list) else ():
            if isinstance(mount, dict) and "source" in mount:
                mount["source"] = self._elsewhere(mount["source"])
        if runs:
            self._make_run(body)

    def _make_run(self, body: dict[str, Any]) -> None:
        if "stop_signal" in body:
            body["stop_signal"] = "TERM"  # a made-up one is none
        if body.get("auto_remove") is True:
            body |= {"durable": False, "restart": "no"}  # which are its opposites
        if "rootfs" in body:
            body |= {"rootfs": str(self.rootfs), "user": None, "cwd": "/", "hostname": None, "mounts": []}
            body |= {"privileged": False, "devices": [], "additional_groups": []}
            body["stop_timeout_s"] = _LONGEST_S
        if isinstance(body.get("args"), list):
            body["args"] = ["/bin/sh", "-c", STOPPABLE, *body["args"][1:]]
        if "rootfs" not in body:
            body |= {key: None for key in ("user", "cwd", "capabilities") if key in body}

    def _elsewhere(self, path: Any) -> Any:
        """Return a path below `nowhere`, and as it is what is none."""
        return f"{self.nowhere}{path}" if isinstance(path, str) and path.startswith("/") else path


def _at_most(seconds: Any) -> Any:
    return min(seconds, _LONGEST_S) if isinstance(seconds, int | float) else seconds
