"""The route table: what `openapi.yaml` says, compared with it both ways by a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
    streams,
    system,
    waiting,
)
from containerd_py.api.replies import Reply
from containerd_py.engine.engine import Engine

Handler = Callable[[web.Request, Engine], Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """operation: its operationId in openapi.yaml."""

    method: str
    path: str
    operation: str
    handler: Handler


ROUTES = (
    Route("GET", "/v1/_ping", "ping", system.ping),
    Route("GET", "/v1/version", "version", system.version),
    Route("GET", "/v1/info", "info", system.info),
    Route("GET", "/v1/doctor", "doctor", system.doctor),
    Route("GET", "/metrics", "metrics", metrics.metrics),
    Route("GET", "/v1/containers", "list_containers", listing.list_all),
    Route("POST", "/v1/containers", "create_container", containers.create),
    Route("GET", "/v1/containers/{id}", "inspect_container", containers.inspect),
    Route("DELETE", "/v1/containers/{id}", "delete_container", containers.delete),
    Route("POST", "/v1/containers/{id}/start", "start_container", containers.start),
    Route("POST", "/v1/containers/{id}/kill", "kill_container", containers.kill),
    Route("POST", "/v1/containers/{id}/stop", "stop_container", containers.stop),
    Route("POST", "/v1/containers/{id}/restart", "restart_container", control.restart),
    Route("POST", "/v1/containers/{id}/rename", "rename_container", control.rename),
    Route("POST", "/v1/containers/{id}/update", "update_container", control.update),
    Route("POST", "/v1/prune", "prune_containers", control.prune),
    Route("POST", "/v1/containers/{id}/pause", "pause_container", control.pause),
    Route("POST", "/v1/containers/{id}/resume", "resume_container", control.resume),
    Route("POST", "/v1/containers/{id}/wait", "wait_container", waiting.wait),
    Route("POST", "/v1/containers/{id}/resize", "resize_container", containers.resize),
    Route("GET", "/v1/containers/{id}/logs", "container_logs", streams.logs),
    Route("PUT", "/v1/containers/{id}/stdin", "put_stdin", streams.put_stdin),
    Route("GET", "/v1/containers/{id}/attach", "attach_container", attach.attach),
    Route("GET", "/v1/containers/{id}/stats", "container_stats", measuring.stats),
    Route("GET", "/v1/containers/{id}/top", "container_top", measuring.top),
    Route("GET", "/v1/stats", "stats", measuring.all_stats),
    Route("GET", "/v1/containers/{id}/timeline", "container_timeline", containers.timeline),
    Route("GET", "/v1/containers/{id}/archive", "get_archive", archives.get),
    Route("PUT", "/v1/containers/{id}/archive", "put_archive", archives.put),
    Route("GET", "/v1/containers/{id}/archive/stat", "stat_path", archives.stat),
    Route("GET", "/v1/containers/{id}/export", "export_container", archives.export),
    Route("GET", "/v1/containers/{id}/diff", "diff_container", archives.diff),
    Route("POST", "/v1/containers/{id}/exec", "create_exec", execs.create),
    Route("GET", "/v1/containers/{id}/exec", "list_execs", execs.list_all),
    Route("GET", "/v1/exec/{id}", "inspect_exec", execs.inspect),
    Route("DELETE", "/v1/exec/{id}", "delete_exec", execs.delete),
    Route("POST", "/v1/exec/{id}/start", "start_exec", execs.start),
    Route("POST", "/v1/exec/{id}/kill", "kill_exec", execs.kill),
    Route("POST", "/v1/exec/{id}/wait", "wait_exec", execs.wait),
    Route("POST", "/v1/exec/{id}/resize", "resize_exec", execs.resize),
    Route("GET", "/v1/exec/{id}/logs", "exec_logs", streams.exec_logs),
    Route("PUT", "/v1/exec/{id}/stdin", "put_exec_stdin", streams.put_exec_stdin),
    Route("GET", "/v1/exec/{id}/attach", "attach_exec", execs.join),
    Route("GET", "/v1/events", "events", events.events),
    Route("POST", "/v1/explain", "explain", system.explain),
)
