"""One container as the daemon knows it, and the registry of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import structlog

from containerd_py.engine.attended import Attended
from containerd_py.engine.clock import now
from containerd_py.engine.notify.discarding import Discarding, retire
from containerd_py.engine.runs import Run
from containerd_py.engine.scope import scope
from containerd_py.engine.views import CheckResult, ContainerSummary, ContainerView, Exit, HealthView, NotifyView, Status
from containerd_py.errors import Conflict, Internal, InvalidArgument, NotFound
from containerd_py.runtime.cgroups.manager import Cgroup
from containerd_py.runtime.cgroups.oom import oom_kills

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from containerd_py.engine.exec import Exec
    from containerd_py.engine.oom_events import OomEvents
    from containerd_py.engine.output import OutputLog
    from containerd_py.store.records import ContainerRecord, ExitRecord

_log = structlog.get_logger()

CREATED, STARTED, PAUSED, RESUMED, EXITED = "created", "started", "paused", "resumed", "exited"

_TRANSITIONS = {
    (Status.CREATING, CREATED): Status.CREATED,
    (Status.STOPPED, CREATED): Status.CREATED,
    (Status.CREATED, STARTED): Status.RUNNING,
    (Status.CREATED, EXITED): Status.STOPPED,
    (Status.RUNNING, PAUSED): Status.PAUSED,
    (Status.PAUSED, RESUMED): Status.RUNNING,
    (Status.RUNNING, EXITED): Status.STOPPED,
    (Status.PAUSED, EXITED): Status.STOPPED,
}
"""(status, event) to the next status. What is not here is a defect of ours."""

_ALIVE = (Status.CREATED, Status.RUNNING, Status.PAUSED)


class Container(Attended):
    """The state of one container and what is open for it. Only `engine.lifecycle` and `engine.recovery` change it."""

    def __init__(self, record: ContainerRecord, request: dict[str, Any], config: dict[str, Any], log: OutputLog) -> None:
        super().__init__(log)
        self.record = record
        self.request = request
        self.config = config
        self.run = Run()
        self.execs: dict[str, Exec] = {}
        """What was executed in it, by id, the oldest first."""
        self.poststop_told = False
        """The hooks for the end of this run have been run: a further start, and a deletion, need not."""
        self.notify: socket.socket | None = None
        """What the payload's messages of this run come to (sd_notify(3)); the spawner has a duplicate."""
        self.discarding = Discarding()
        """Of what came by `notify`."""
        self.pauses = 0
        """How often it was paused, as this daemon knows: what takes its time may have been held up."""
        self.stop_asked = False
        """Somebody has asked for its end: it is not on record where that could not be written."""
        self.stopped_by: Literal["systemd"] | None = None
        """Who else has asked for it, beside this daemon."""
        self.kills_elsewhere = 0
        """Kills for want of memory in this run of which its own cgroup, a scope's, tells no more."""
        self.oom_events: OomEvents | None = None
        self.kept_as = ""
        """What it is called among the removed, once its removal was begun."""
        self._summary: tuple[ContainerRecord, dict[str, Any], ContainerSummary] | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def title(self) -> str:
        return f"container {self.name!r}"

    @property
    def status(self) -> Status:
        return Status(self.record.status)

    @property
    def alive(self) -> bool:
        """True while there is a process: a worker or the payload."""
        return self.status in _ALIVE

    @property
    def cgroup(self) -> Cgroup:
        return Cgroup(self.record.cgroup_v2, self.record.cgroups_v1, scope=self.record.scope)

    def oom_kills(self) -> int:
        """The cgroup is made anew for each run, and its counter with it."""
        try:
            return max(oom_kills(self.cgroup), self.kills_elsewhere)
        except OSError as problem:
            _log.warning("cannot tell whether memory ran out", container=self.id, error=str(problem))
            return 0

    def fds(self) -> dict[str, int]:
        return super().fds() | ({} if self.notify is None else {"notify": self.notify.fileno()})

    def close(self) -> None:
        if self.notify is not None:
            retire(self.notify)
            self.notify = None
        self._close_oom_events()
        super().close()

    def leave(self) -> None:
        """As `close`, of one that the next daemon goes on with: what is said meanwhile waits at the spawner."""
        if self.notify is not None:
            self.notify.close()
            self.notify = None
        self._close_oom_events()
        super().close()

    def _close_oom_events(self) -> None:
        if self.oom_events is not None:
            self.oom_events.close()
            self.oom_events = None

    def next_record(self, event: str, **changes: Any) -> ContainerRecord:
        """Return the record after an event. Raises Internal where the state table does not have it."""
        after = _TRANSITIONS.get((self.status, event))
        if after is None:
            raise Internal(f"cannot note {event!r} of container {self.id!r}: it is {self.status}")
        return self.record.with_(status=after.value, **changes)

    def publish(self, record: ContainerRecord) -> None:
        """Make a record, stored before, the one that everybody sees."""
        self.record = record
        self.changes.announce()

    def check(self, action: str, *allowed: Status) -> None:
        """Raises Conflict unless the status is one of `allowed`, NotFound for one that was deleted meanwhile."""
        if self.deleted:
            raise NotFound(f"cannot {action} container {self.name!r}: it has been deleted")
        if self.status not in allowed:
            hint = _way_out(action, self.status, allowed)
            raise Conflict(f"cannot {action} container {self.name!r}: it is {self.status}", step=action, hint=hint)

    def exit(self) -> Exit | None:
        return exit_of(self.record.exit)

    def running_s(self) -> float | None:
        if self.status not in (Status.RUNNING, Status.PAUSED):
            return None
        return now().since_s(self.record.started_boottime_ns, self.record.boot_id)

    def summary(self) -> ContainerSummary:
        known = self._summary
        if known is None or known[0] is not self.record or known[1] is not self.config:
            known = self._summary = (self.record, self.config, summary_of(self.record, self.config))
        return known[2]

    def view(self) -> ContainerView:
        record = self.record
        return ContainerView(
            summary=self.summary(),
            stdin=record.stdin,
            previous_exit=exit_of(record.previous_exit),
            restart=record.restart,
            stop_signal=record.stop_signal,
            stop_timeout_s=record.stop_timeout_s,
            durable=record.durable,
            auto_remove=record.auto_remove,
            health=health_of(record),
            notify=notify_of(record),
            cgroup_paths=self.cgroup.paths,
            output_bytes=self.log.size,
            lost_output_bytes=self.log.lost,
            spec=self.request,
            oci=self.config,
            running_s=self.running_s(),
        )


def summary_of(record: ContainerRecord, config: dict[str, Any]) -> ContainerSummary:
    status, process = Status(record.status), config.get("process", {})
    checked = record.health_state if status in (Status.RUNNING, Status.PAUSED) else None
    return ContainerSummary(
        id=record.id,
        name=record.name,
        status=status,
        args=tuple(process.get("args", ())),
        rootfs=record.rootfs,
        labels=dict(record.labels),
        terminal=bool(process.get("terminal", False)),
        pid=record.pid if status in _ALIVE else None,
        created_at=record.created_at,
        started_at=record.started_at,
        exit=exit_of(record.exit),
        restart_count=record.restart_count,
        next_start_at=None if record.next_start is None else record.next_start.at,
        health=None if checked is None else checked.status,
    )


def health_of(record: ContainerRecord) -> HealthView | None:
    state = record.health_state
    if state is None:
        return None
    results = tuple(CheckResult(one.started_at, one.duration_s, one.exit_code, one.output) for one in state.results)
    return HealthView(state.status, state.failing_streak, state.since, results)


def notify_of(record: ContainerRecord) -> NotifyView | None:
    state = record.notify_state
    if state is None:
        return None
    return NotifyView(state.ready, state.ready_at, state.status, state.stopping, state.errno, state.watchdog_s)


def exit_of(ended: ExitRecord | None) -> Exit | None:
    if ended is None:
        return None
    return Exit(
        ended.exit_code, ended.reason, ended.signal, ended.finished_at, ended.oom_killed, ended.ran_s, ended.stopped_by
    )


class Registry:
    """All containers, by id and by name; names and ids that are being made are taken already."""

    def __init__(self) -> None:
        self._by_id: dict[str, Container] = {}
        self._names: dict[str, str] = {}

    def reserve(self, container_id: str, name: str) -> None:
        """Take an id and a name. Raises Conflict."""
        for key in {container_id, name}:
            holder = self._names.get(key)
            if holder is not None:
                what = "id" if key == container_id else "name"
                there = holder in self._by_id
                raise Conflict(
                    f"cannot create container {key!r}: the {what} is taken{self._by(holder)}",
                    step="create",
                    hint="choose another, or delete that container first"
                    if there
                    else "choose another: that container is being made, or unmade (the log tells what is in the way)",
                )
        self._names[container_id] = self._names[name] = container_id

    def _by(self, holder: str) -> str:
        """Return " by" whom, where the one who asks may know."""
        container = self._by_id.get(holder)
        known = not scope().limited or (container is not None and scope().shows(container.record.labels))
        return f" by {holder[:12]!r}" if known else ""

    def take_name(self, container_id: str, name: str) -> bool:
        """Take a name for an id that is taken already; return False where another container has that name."""
        return self._names.setdefault(name, container_id) == container_id

    def release(self, container_id: str, name: str) -> None:
        for key in {container_id, name}:
            if self._names.get(key) == container_id:  # or somebody else has taken it meanwhile
                del self._names[key]

    def holder(self, name: str) -> str | None:
        """Return the id of the container that has a name, or an id, of this kind."""
        return self._names.get(name)

    def take_another_name(self, container_id: str, name: str) -> None:
        """Take a further name for a container that is there. Raises Conflict."""
        holder = self._names.get(name)
        if holder is not None and (holder != container_id or name != container_id):
            raise Conflict(
                f"cannot rename container {container_id[:12]!r}: the name {name!r} is taken{self._by(holder)}",
                step="rename",
                hint="choose another, or rename that container first",
            )
        self._names[name] = container_id

    def release_name(self, container_id: str, name: str) -> None:
        """Let a name go; a container's id stays its own."""
        if name != container_id and self._names.get(name) == container_id:
            del self._names[name]

    def add(self, container: Container) -> None:
        self._by_id[container.id] = container

    def remove(self, container: Container) -> None:
        self.withdraw(container)
        self.release(container.id, container.name)

    def withdraw(self, container: Container) -> None:
        """Let nobody find it any more; its id and name stay taken until they are released."""
        self._by_id.pop(container.id, None)

    def get(self, container_id: str) -> Container | None:
        return self._by_id.get(container_id)

    def labels(self, container_id: str) -> dict[str, str]:
        """Return the labels of a container, none of one that is not there."""
        container = self._by_id.get(container_id)
        return {} if container is None else container.record.labels

    def find(self, reference: str, action: str) -> Container:
        """Return the container of an id, a name or the unambiguous beginning of an id. Raises NotFound, InvalidArgument."""
        seen = scope()  # for the one who asks, others are not there
        named = self._by_id.get(self._names.get(reference, ""))
        if named is not None and seen.shows(named.record.labels):
            return named
        found = [
            container
            for key, container in self._by_id.items()
            if reference and key.startswith(reference) and seen.shows(container.record.labels)
        ]
        if len(found) > 1:
            raise InvalidArgument(
                f"cannot {action} container {reference!r}: {len(found)} ids begin so",
                step="find",
                hint="give more of the id",
            )
        if not found:
            raise NotFound(f"cannot {action} container {reference!r}: no such container", step="find")
        return found[0]

    def __iter__(self) -> Iterator[Container]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)


def _way_out(action: str, status: Status, allowed: tuple[Status, ...]) -> str | None:
    if action == "delete":
        return "stop it first, or delete it with force"
    if Status.RUNNING not in allowed:
        return None
    return {Status.PAUSED: "resume it first", Status.CREATED: "start it first", Status.STOPPED: "start it first"}.get(
        status
    )
