"""The state table, and the registry of names and ids."""

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from containerd_py.engine.containers import CREATED, EXITED, PAUSED, RESUMED, STARTED, Container, Registry
from containerd_py.engine.output import OutputLog
from containerd_py.engine.views import Exit, Status
from containerd_py.errors import Conflict, Internal, InvalidArgument, NotFound
from containerd_py.store.records import ContainerRecord, ExitRecord

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
EVENTS = (CREATED, STARTED, PAUSED, RESUMED, EXITED)
TABLE = {
    ("creating", CREATED): "created",
    ("stopped", CREATED): "created",
    ("created", STARTED): "running",
    ("created", EXITED): "stopped",
    ("running", PAUSED): "paused",
    ("paused", RESUMED): "running",
    ("running", EXITED): "stopped",
    ("paused", EXITED): "stopped",
}


def container(
    container_id: str = "abc", name: str = "web", config: dict[str, Any] | None = None, **given: Any
) -> Container:
    fields = {"status": "running", "created_at": NOW, "rootfs": "/srv/root"} | given
    record = ContainerRecord.model_validate({"id": container_id, "name": name} | fields)
    return Container(record, {"rootfs": "/srv/root"}, config or {}, OutputLog("/nowhere"))


# ── the state table ──


@pytest.mark.parametrize(("status", "event"), list(product([str(status) for status in Status], EVENTS)))
def test_every_event_in_every_status(status: str, event: str) -> None:
    subject = container(status=status)
    if (status, event) in TABLE:
        assert subject.next_record(event, pid=7).status == TABLE[status, event]
        assert subject.next_record(event, pid=7).pid == 7
    else:
        with pytest.raises(Internal, match=f"cannot note '{event}' of container 'abc': it is {status}"):
            subject.next_record(event)
    assert subject.status == status  # nothing is seen before it is stored


def test_an_unknown_event_is_a_defect() -> None:
    with pytest.raises(Internal):
        container().next_record("tired")


@pytest.mark.parametrize(
    ("status", "action", "allowed", "hint"),
    [
        ("running", "delete", (Status.CREATED, Status.STOPPED), "stop it first, or delete it with force"),
        ("paused", "execute in", (Status.RUNNING,), "resume it first"),
        ("stopped", "kill", (Status.CREATED, Status.RUNNING), "start it first"),
        ("created", "pause", (Status.RUNNING,), "start it first"),
        ("running", "start", (Status.CREATED, Status.STOPPED), None),
        ("creating", "pause", (Status.RUNNING,), None),
    ],
)
def test_a_conflict_tells_the_way_out(status: str, action: str, allowed: tuple[Status, ...], hint: str | None) -> None:
    with pytest.raises(Conflict) as problem:
        container(status=status).check(action, *allowed)
    assert problem.value.hint == hint


@pytest.mark.parametrize(
    ("status", "alive"),
    [("creating", False), ("created", True), ("running", True), ("paused", True), ("stopped", False)],
)
def test_alive_means_there_is_a_process(status: str, alive: bool) -> None:  # noqa: FBT001
    subject = container(status=status, pid=42)
    assert subject.alive is alive
    assert subject.summary().pid == (42 if alive else None)


async def test_publishing_wakes_those_that_wait() -> None:
    subject, woken = container(status="created"), []
    subject.changes.announce = lambda: woken.append(subject.status)  # type: ignore[method-assign]
    subject.publish(subject.next_record(STARTED))
    assert woken == [Status.RUNNING]


def test_check_lets_the_allowed_through_and_names_the_rest() -> None:
    subject = container(status="stopped")
    subject.check("delete", Status.CREATED, Status.STOPPED)
    with pytest.raises(Conflict, match="cannot start container 'web': it is stopped") as refused:
        subject.check("start", Status.CREATED)
    assert refused.value.step == "start"


def test_a_deleted_container_is_not_found_whatever_its_status() -> None:
    subject = container(status="stopped")
    subject.deleted = True
    with pytest.raises(NotFound, match="has been deleted"):
        subject.check("delete", Status.STOPPED)


def test_the_view_tells_all() -> None:
    ended = ExitRecord(exit_code=137, reason="signaled", signal="SIGKILL", finished_at=NOW)
    config = {"process": {"args": ["/bin/sh", "-c", "x"], "terminal": True}}
    subject = container(
        status="stopped", exit=ended, labels={"a": "b"}, stdin=True, cgroup_v2="/c2", cgroups_v1=("/c1",), config=config
    )
    view = subject.view()
    summary = view.summary
    assert (summary.id, summary.name, summary.status) == ("abc", "web", Status.STOPPED)
    assert (summary.args, summary.terminal, view.stdin) == (("/bin/sh", "-c", "x"), True, True)
    assert summary.exit == Exit(137, "signaled", "SIGKILL", NOW)
    assert set(view.cgroup_paths) == {"/c1", "/c2"}
    assert (summary.labels, view.spec, view.oci) == ({"a": "b"}, {"rootfs": "/srv/root"}, config)
    summary.labels["a"] = "changed"
    assert subject.record.labels == {"a": "b"}


def test_a_summary_is_made_anew_where_the_record_or_the_document_has_changed() -> None:
    subject = container(status="created")
    first = subject.summary()
    assert subject.summary() is first
    subject.publish(subject.next_record(STARTED))
    assert (first.status, subject.summary().status) == (Status.CREATED, Status.RUNNING)
    subject.config = {"process": {"args": ["new"]}}
    assert subject.summary().args == ("new",)


def test_a_rebuilt_container_without_a_document_can_be_shown() -> None:
    assert container(config={}).summary().args == ()


async def test_closing_closes_the_log_and_can_be_done_twice(tmp_path: Path) -> None:
    record = container().record
    subject = Container(record, {}, {}, OutputLog(str(tmp_path)))
    subject.close()
    subject.close()
    assert subject.fds() == {}


# ── the registry ──


def registry(*entries: tuple[str, str]) -> Registry:
    found = Registry()
    for container_id, name in entries:
        found.reserve(container_id, name)
        found.add(container(container_id, name))
    return found


TWO = (("aabb", "web"), ("aacc", "db"))


@pytest.mark.parametrize(
    ("reference", "expected"), [("aabb", "aabb"), ("web", "aabb"), ("db", "aacc"), ("aab", "aabb"), ("aac", "aacc")]
)
def test_a_container_is_found_by_id_name_or_beginning(reference: str, expected: str) -> None:
    assert registry(*TWO).find(reference, "inspect").id == expected


@pytest.mark.parametrize("reference", ["zz", "we", "aabbb", "", "WEB", "*"])
def test_what_is_not_there_is_not_found(reference: str) -> None:
    with pytest.raises(NotFound, match=r"cannot stop container '.*': no such container") as refused:
        registry(*TWO).find(reference, "stop")
    assert refused.value.step == "find"


def test_an_ambiguous_beginning_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="2 ids begin so"):
        registry(*TWO).find("aa", "stop")


def test_a_name_goes_before_the_beginning_of_an_id() -> None:
    assert registry(("aabb", "web"), ("cccc", "aa")).find("aa", "stop").id == "cccc"


def test_an_empty_reference_does_not_mean_the_only_container() -> None:
    with pytest.raises(NotFound):
        registry(TWO[0]).find("", "delete")


@pytest.mark.parametrize(
    ("container_id", "name", "what"),
    [
        ("aabb", "new", "id"),
        ("new", "web", "name"),
        ("web", "new", "id"),  # an id that is another one's name
        ("new", "aabb", "name"),  # a name that is another one's id
        ("aabb", "web", "(id|name)"),
    ],
)
def test_ids_and_names_are_taken_once(container_id: str, name: str, what: str) -> None:
    found = registry(TWO[0])
    with pytest.raises(Conflict, match=f"the {what} is taken by 'aabb'") as refused:
        found.reserve(container_id, name)
    assert (refused.value.step, bool(refused.value.hint)) == ("create", True)
    found.reserve("new2", "new3")  # a refused one has taken nothing
    found.reserve("new", "newer") if container_id != "new" else found.reserve("x", "new")


def test_what_is_being_made_is_taken_but_not_found() -> None:
    found = Registry()
    found.reserve("aabb", "web")
    with pytest.raises(Conflict):
        found.reserve("ccdd", "web")
    with pytest.raises(NotFound):
        found.find("web", "inspect")
    assert len(found) == 0
    found.release("aabb", "web")
    found.reserve("ccdd", "web")


def test_a_name_may_equal_the_id() -> None:
    found = registry(("web", "web"))
    assert found.find("web", "inspect").id == "web"
    found.remove(found.find("web", "inspect"))
    found.reserve("web", "web")


def test_what_is_removed_is_free_again() -> None:
    found = registry(*TWO)
    found.remove(found.find("web", "delete"))
    assert found.get("aabb") is None
    assert [entry.id for entry in found] == ["aacc"]
    found.reserve("aabb", "web")


def test_containers_may_be_removed_while_all_are_looked_at() -> None:
    found = registry(*TWO)
    for entry in found:
        found.remove(entry)
    assert len(found) == 0


def test_a_late_release_does_not_free_what_somebody_else_has_taken_meanwhile() -> None:
    found = Registry()
    found.reserve("first", "web")
    found.release("first", "web")
    found.reserve("second", "web")
    found.release("first", "web")
    with pytest.raises(Conflict):
        found.reserve("third", "web")
