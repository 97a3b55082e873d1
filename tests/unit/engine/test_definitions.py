"""What a definition keeps of a container, and what becomes of it after a boot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from containerd_py.engine.containers import Container
from containerd_py.engine.definitions import Definitions, at_rest, brought_back
from containerd_py.engine.output import OutputLog
from containerd_py.errors import Internal
from containerd_py.store.definitions import DefinitionStore
from containerd_py.store.records import ContainerRecord, Definition, ExitRecord, NextStart, Timing

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDED = ExitRecord(exit_code=3, reason="exited", signal=None, finished_at=NOW)


def record(**fields: Any) -> ContainerRecord:
    given = {"id": "a", "name": "web", "status": "running", "created_at": NOW, "rootfs": "/r", "durable": True}
    return ContainerRecord.model_validate(given | fields)


def test_what_passes_is_left_out() -> None:
    rested = at_rest(
        record(
            started_at=NOW,
            previous_exit=ENDED,
            restart_count=3,
            failures=2,
            updating=True,
            pid=7,
            identity="7",
            boot_id="b",
            cgroup_v2="/c",
            cgroups_v1=("/d",),
            lost_output_bytes=1,
            timing=Timing(arrived_ns=1),
            next_start=NextStart(at=NOW, cause="policy"),
        )
    )
    assert rested == record(status="stopped")


def test_what_it_is_stays() -> None:
    kept: dict[str, Any] = {
        "labels": {"x": "y"},
        "restart": "always",
        "stopped_on_request": True,
        "ever_started": True,
        "stop_signal": "INT",
        "stop_timeout_s": 1.0,
        "stdin": True,
        "log_driver": "none",
    }
    assert at_rest(record(**kept)) == record(status="stopped", **kept)


def test_an_end_for_good_is_kept_and_one_before_a_restart_is_not() -> None:
    """Or each restart would wait for the disk."""
    assert at_rest(record(status="stopped", exit=ENDED)).exit == ENDED
    assert at_rest(record(status="stopped", exit=ENDED, next_start=NextStart(at=NOW, cause="policy"))).exit is None


@pytest.mark.parametrize(
    ("restart", "stopped", "ever_started", "starts"),
    [
        ("no", False, True, False),
        ("on-failure:3", False, True, False),
        ("always", False, True, True),
        ("always", True, True, True),
        ("always", False, False, False),
        ("unless-stopped", False, True, True),
        ("unless-stopped", True, True, False),
        ("unless-stopped", False, False, False),
    ],
)
def test_its_policy_says_whether_it_starts(restart: str, *, stopped: bool, ever_started: bool, starts: bool) -> None:
    rested = at_rest(record(restart=restart, stopped_on_request=stopped, ever_started=ever_started))
    back = brought_back(Definition(record=rested, request={}, config={}))
    assert back.status == "stopped"
    assert (back.next_start is not None) == starts
    assert back.exit is not None
    assert (back.exit.exit_code, back.exit.reason) == (None, "lost")


def test_an_end_that_is_known_is_no_lost_one() -> None:
    rested = at_rest(record(status="stopped", exit=ENDED))
    assert brought_back(Definition(record=rested, request={}, config={})).exit == ENDED


class CountingStore(DefinitionStore):
    saved = 0
    broken = False

    def save(self, definition: Definition) -> None:
        if self.broken:
            raise Internal("cannot record definition: it is broken")
        self.saved += 1
        super().save(definition)


async def test_it_is_written_where_it_changes_only(tmp_path: Path) -> None:
    store = CountingStore(str(tmp_path))
    store.prepare()
    definitions = Definitions(store)
    container = Container(record(), {}, {"process": {}}, OutputLog("/nowhere"))
    await definitions.keep(container, container.record)
    await definitions.keep(container, record(pid=8, restart_count=1, next_start=NextStart(at=NOW, cause="policy")))
    assert store.saved == 1
    await definitions.keep(container, record(name="other"))
    await definitions.keep(container, record(name="other"), {"process": {}, "linux": {}})
    assert store.saved == 3
    store.broken = True
    with pytest.raises(Internal):
        await definitions.keep(container, record(name="third"))
    store.broken = False
    await definitions.keep(container, record(name="other"), {"process": {}, "linux": {}})  # nobody knows what is there
    assert store.saved == 4
    await definitions.keep(container, record(durable=False, name="other"))
    assert store.load(lambda _config: None) == ([], [])
    assert not definitions.has("a")
    await definitions.keep(container, record(durable=False, name="fourth"))
    assert store.saved == 4
    await definitions.keep(container, record(name="other"))
    definitions.remove("a")
    assert store.load(lambda _config: None) == ([], [])


async def test_one_that_may_be_there_is_removed_too(tmp_path: Path) -> None:
    """Whether a change that failed has got to the disk nobody knows."""
    store = CountingStore(str(tmp_path))
    store.prepare()
    definitions = Definitions(store)
    container = Container(record(), {}, {"process": {}}, OutputLog("/nowhere"))
    await definitions.keep(container, container.record)
    store.broken = True
    with pytest.raises(Internal):
        await definitions.keep(container, record(name="other"))
    await definitions.keep(container, record(durable=False))
    assert store.load(lambda _config: None) == ([], [])
