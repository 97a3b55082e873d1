"""From the engine's views to the wire."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from containerd_py import __version__, wire
from containerd_py.api import replies
from containerd_py.engine import views

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from containerd_py.engine.examination import Checked

API_VERSION = "1"
OCI_VERSION = "1.3.0"
_WRITTEN: WeakKeyDictionary[views.ContainerSummary, bytes] = WeakKeyDictionary()
"""JSON that was written before; it goes with its summary."""
_SEVERITY: tuple[wire.CheckStatus, ...] = ("ok", "warn", "fail")


def time(value: datetime) -> str:
    """RFC 3339 in UTC, to the microsecond. value: in UTC."""
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def ended(value: views.Exit) -> wire.Exit:
    return wire.Exit(
        exit_code=value.exit_code,
        reason=cast("wire.Reason", value.reason),
        signal=value.signal,
        oom_killed=value.oom_killed,
        stopped_by=value.stopped_by,
        ran_s=value.ran_s,
        finished_at=time(value.finished_at),
    )


def container_list(summaries: Sequence[views.ContainerSummary]) -> bytes:
    """Return the JSON of a `wire.ContainerList`. Of a container that nothing has changed in, what was written before."""
    return b'{"containers":[' + b",".join(map(_written, summaries)) + b"]}"


def _written(summary: views.ContainerSummary) -> bytes:
    written = _WRITTEN.get(summary)
    if written is None:
        written = _WRITTEN[summary] = wire.ContainerSummary(**_summary(summary)).model_dump_json().encode()
    return written


def waited(value: views.Exit | views.Reached) -> wire.Exit | wire.Reached:
    if isinstance(value, views.Exit):
        return ended(value)
    return wire.Reached(condition=cast("Any", value.condition))


def health(value: views.HealthView) -> wire.HealthState:
    return wire.HealthState(
        status=cast("wire.HealthStatus", value.status),
        failing_streak=value.failing_streak,
        since=time(value.since),
        results=tuple(
            wire.CheckResult(
                started_at=time(one.started_at), duration_s=one.duration_s, exit_code=one.exit_code, output=one.output
            )
            for one in value.results
        ),
    )


def notify(value: views.NotifyView) -> wire.NotifyState:
    return wire.NotifyState(
        ready=value.ready,
        ready_at=None if value.ready_at is None else time(value.ready_at),
        status=value.status,
        stopping=value.stopping,
        errno=value.errno,
        watchdog_s=value.watchdog_s,
    )


def detail(view: views.ContainerView) -> wire.ContainerDetail:
    return wire.ContainerDetail(
        **_summary(view.summary),
        previous_exit=None if view.previous_exit is None else ended(view.previous_exit),
        restart=view.restart,
        stop_signal=view.stop_signal,
        stop_timeout_s=view.stop_timeout_s,
        durable=view.durable,
        auto_remove=view.auto_remove,
        health_state=None if view.health is None else health(view.health),
        notify_state=None if view.notify is None else notify(view.notify),
        stdin=view.stdin,
        spec=view.spec,
        oci=view.oci,
        cgroup_paths=view.cgroup_paths,
        output_bytes=view.output_bytes,
        lost_output_bytes=view.lost_output_bytes,
        pids=view.pids,
        running_s=view.running_s,
    )


def _summary(value: views.ContainerSummary) -> dict[str, Any]:
    return {
        "id": value.id,
        "name": value.name,
        "status": value.status.value,
        "args": value.args,
        "rootfs": value.rootfs,
        "labels": value.labels,
        "terminal": value.terminal,
        "pid": value.pid,
        "created_at": time(value.created_at),
        "started_at": None if value.started_at is None else time(value.started_at),
        "exit": None if value.exit is None else ended(value.exit),
        "restart_count": value.restart_count,
        "health": value.health,
        "next_start_at": None if value.next_start_at is None else time(value.next_start_at),
    }


def exec_detail(view: views.ExecView) -> wire.ExecDetail:
    return wire.ExecDetail(
        id=view.id,
        container_id=view.container_id,
        status=view.status.value,
        args=view.args,
        terminal=view.terminal,
        stdin=view.stdin,
        detach=view.detach,
        pid=view.pid,
        created_at=time(view.created_at),
        started_at=None if view.started_at is None else time(view.started_at),
        exit=None if view.exit is None else ended(view.exit),
        process=view.process,
        output_bytes=view.output_bytes,
        lost_output_bytes=view.lost_output_bytes,
        running_s=view.running_s,
    )


def pruned(value: views.Pruned) -> wire.Pruned:
    return wire.Pruned(removed=value.removed, freed_bytes=value.freed_bytes, failed=_failures(value.failed))


def declared(value: views.Declared) -> wire.Declared:
    files = tuple(
        wire.DeclaredFile(
            file=one.file,
            container=one.container,
            name=one.name,
            status=None if one.status is None else one.status.value,
            problem=one.problem,
        )
        for one in value.files
    )
    at = None if value.at is None else time(value.at)
    return wire.Declared(directory=value.directory, reconciled_at=at, problem=value.problem, files=files)


def shut_down(value: views.ShutDown) -> wire.ShutDown:
    return wire.ShutDown(stopped=value.stopped, failed=_failures(value.failed))


def _failures(failed: tuple[views.ContainerFailure, ...]) -> tuple[wire.ContainerFailure, ...]:
    return tuple(wire.ContainerFailure(id=one.id, name=one.name, message=one.message) for one in failed)


def operation(value: views.OperationView) -> wire.Operation:
    result, error = value.result, value.error
    running = value.finished_at is None
    return wire.Operation(
        id=value.id,
        action=cast("wire.OperationAction", value.action),
        status="running" if running else "done" if error is None else "failed",
        container_id=value.container_id,
        container_name=value.container_name,
        started_at=time(value.started_at),
        finished_at=None if value.finished_at is None else time(value.finished_at),
        asked_by=_peer(value.asked_by),
        error=None if error is None else replies.error_body(error),
        exit=ended(result) if isinstance(result, views.Exit) else None,
        pruned=pruned(result) if isinstance(result, views.Pruned) else None,
        shut_down=shut_down(result) if isinstance(result, views.ShutDown) else None,
    )


def _peer(value: views.Peer | None) -> wire.Peer | None:
    return None if value is None else wire.Peer(uid=value.uid, pid=value.pid)


def event(value: views.Event) -> wire.Event:
    return wire.Event(
        seq=value.seq,
        time=time(value.time),
        type=value.type,
        id=value.id,
        name=value.name,
        attributes=value.attributes,
        asked_by=_peer(value.asked_by),
    )


def examination(checked: Sequence[Checked]) -> wire.Doctor:
    checks = tuple(
        wire.Check(name=one.name, status=one.status, found=one.found, meaning=one.meaning, hint=one.hint) for one in checked
    )
    return wire.Doctor(status=max((one.status for one in checked), key=_SEVERITY.index), checks=checks)


def explanation(value: views.Explanation) -> wire.Explanation:
    steps = tuple(
        wire.PlanStep(index=index, step=step.step, description=step.description) for index, step in enumerate(value.steps)
    )
    return wire.Explanation(namespaces=value.namespaces, steps=steps)


def timeline(steps: tuple[views.TimedStep, ...]) -> wire.Timeline:
    return wire.Timeline(
        steps=tuple(
            wire.TimedStep(
                phase="create" if step.phase == "create" else "start",
                step=step.step,
                description=step.description,
                start_us=step.start_ns / 1000,
                duration_us=step.duration_ns / 1000,
            )
            for step in steps
        )
    )


def info(value: views.EngineInfo) -> wire.Info:
    return wire.Info(
        containers={status.value: count for status, count in value.containers.items()},
        state_dir=value.state_dir,
        data_dir=value.data_dir,
        cgroup_driver=value.cgroup_driver,
        cgroup_controllers=value.cgroup_controllers,
        cgroup_parent=value.cgroup_parent,
        features=value.features,
        daemon_pid=value.daemon_pid,
        spawner_pid=value.spawner_pid,
        daemon_rss_bytes=value.daemon_rss_bytes,
        spawner_rss_bytes=value.spawner_rss_bytes,
    )


def version() -> wire.Version:
    uname = os.uname()
    return wire.Version(
        version=__version__,
        api_version=API_VERSION,
        oci_version=OCI_VERSION,
        python=platform.python_version(),
        kernel=uname.release,
        machine=uname.machine,
    )
