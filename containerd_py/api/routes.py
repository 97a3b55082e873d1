"""The route table: what `openapi.yaml` says, compared with it both ways by a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

from aiohttp import web

from containerd_py.api import (
    archives,
    attach,
    containers,
    control,
    events,
    execs,
    listing,
    measuring,
    metrics,
    operations,
    streams,
    system,
    waiting,
)
from containerd_py.api.replies import Reply
from containerd_py.engine.engine import Engine
from containerd_py.light.dataclasses import dataclass

Handler = Callable[[web.Request, Engine], Awaitable[Reply | web.StreamResponse]]


class Effect(Enum):
    """What a request of a route does. Of it follows what a read-only socket refuses, and what is audited."""

    READS = "reads"
    PROBES = "probes"
    """Makes nothing, but opens what the caller names on the host, with the daemon's rights."""
    CHANGES = "changes"


READS, PROBES, CHANGES = Effect


@dataclass(frozen=True)
class Route:
    """operation: its operationId in openapi.yaml.

    scoped: what it shows and touches is limited to what the labels of a socket let see. A route with {id} is so by looking
    that up; any other one that does not say so is refused to such a socket. keyed: it takes an Idempotency-Key.
    deferrable: it may take long, and is answered before its end where the client would rather not wait.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    effect: Effect
    scoped: bool = False
    keyed: bool = False
    deferrable: bool = False

    @property
    def of_one(self) -> bool:
        """True where it is about one container, exec or operation that is looked up."""
        return "{id}" in self.path


ROUTES = (
    Route("GET", "/v1/_ping", "ping", system.ping, READS, scoped=True),
    Route("GET", "/v1/version", "version", system.version, READS, scoped=True),
    Route("GET", "/v1/info", "info", system.info, READS, scoped=True),
    Route("GET", "/v1/doctor", "doctor", system.doctor, READS),
    Route("GET", "/v1/declared", "declared", system.declared, READS),
    Route("GET", "/metrics", "metrics", metrics.metrics, READS, scoped=True),
    Route("GET", "/v1/containers", "list_containers", listing.list_all, READS, scoped=True),
    Route("POST", "/v1/containers", "create_container", containers.create, CHANGES, scoped=True, keyed=True),
    Route("GET", "/v1/containers/{id}", "inspect_container", containers.inspect, READS),
    Route("DELETE", "/v1/containers/{id}", "delete_container", containers.delete, CHANGES, deferrable=True),
    Route("POST", "/v1/containers/{id}/start", "start_container", containers.start, CHANGES, deferrable=True),
    Route("POST", "/v1/containers/{id}/kill", "kill_container", containers.kill, CHANGES),
    Route("POST", "/v1/containers/{id}/stop", "stop_container", containers.stop, CHANGES, deferrable=True),
    Route("POST", "/v1/containers/{id}/restart", "restart_container", control.restart, CHANGES, deferrable=True),
    Route("POST", "/v1/containers/{id}/rename", "rename_container", control.rename, CHANGES),
    Route("POST", "/v1/containers/{id}/update", "update_container", control.update, CHANGES),
    Route("POST", "/v1/prune", "prune_containers", control.prune, CHANGES, scoped=True, deferrable=True),
    Route("POST", "/v1/shutdown", "shut_down", system.shut_down, CHANGES),
    Route("POST", "/v1/containers/{id}/pause", "pause_container", control.pause, CHANGES),
    Route("POST", "/v1/containers/{id}/resume", "resume_container", control.resume, CHANGES),
    Route("POST", "/v1/containers/{id}/wait", "wait_container", waiting.wait, READS),
    Route("POST", "/v1/containers/{id}/resize", "resize_container", containers.resize, CHANGES),
    Route("GET", "/v1/containers/{id}/logs", "container_logs", streams.logs, READS),
    Route("PUT", "/v1/containers/{id}/stdin", "put_stdin", streams.put_stdin, CHANGES),
    Route("GET", "/v1/containers/{id}/attach", "attach_container", attach.attach, CHANGES),
    Route("GET", "/v1/containers/{id}/stats", "container_stats", measuring.stats, READS),
    Route("GET", "/v1/containers/{id}/top", "container_top", measuring.top, READS),
    Route("GET", "/v1/stats", "stats", measuring.all_stats, READS, scoped=True),
    Route("GET", "/v1/containers/{id}/timeline", "container_timeline", containers.timeline, READS),
    Route("GET", "/v1/containers/{id}/archive", "get_archive", archives.get, PROBES),
    Route("PUT", "/v1/containers/{id}/archive", "put_archive", archives.put, CHANGES),
    Route("GET", "/v1/containers/{id}/archive/stat", "stat_path", archives.stat, PROBES),
    Route("GET", "/v1/containers/{id}/export", "export_container", archives.export, PROBES),
    Route("GET", "/v1/containers/{id}/diff", "diff_container", archives.diff, READS),
    Route("POST", "/v1/containers/{id}/exec", "create_exec", execs.create, CHANGES, keyed=True),
    Route("GET", "/v1/containers/{id}/exec", "list_execs", execs.list_all, READS),
    Route("GET", "/v1/exec/{id}", "inspect_exec", execs.inspect, READS),
    Route("DELETE", "/v1/exec/{id}", "delete_exec", execs.delete, CHANGES),
    Route("POST", "/v1/exec/{id}/start", "start_exec", execs.start, CHANGES),
    Route("POST", "/v1/exec/{id}/kill", "kill_exec", execs.kill, CHANGES),
    Route("POST", "/v1/exec/{id}/wait", "wait_exec", execs.wait, READS),
    Route("POST", "/v1/exec/{id}/resize", "resize_exec", execs.resize, CHANGES),
    Route("GET", "/v1/exec/{id}/logs", "exec_logs", streams.exec_logs, READS),
    Route("PUT", "/v1/exec/{id}/stdin", "put_exec_stdin", streams.put_exec_stdin, CHANGES),
    Route("GET", "/v1/exec/{id}/attach", "attach_exec", execs.join, CHANGES),
    Route("GET", "/v1/operations", "list_operations", operations.list_all, READS, scoped=True),
    Route("GET", "/v1/operations/{id}", "inspect_operation", operations.inspect, READS),
    Route("POST", "/v1/operations/{id}/wait", "wait_operation", operations.wait, READS),
    Route("GET", "/v1/events", "events", events.events, READS, scoped=True),
    Route("POST", "/v1/explain", "explain", system.explain, PROBES, scoped=True),
)
