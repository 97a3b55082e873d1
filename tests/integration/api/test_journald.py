"""The log driver journald: every line reaches the journal once, with its fields, and no journal holds a payload up."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.test_streams import Attached, attach, remove, start
from tests.integration.api_client import Api
from tests.integration.daemon_process import Daemon
from tests.integration.journal import FakeJournal

DRIVER = {"driver": "journald"}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeJournal]:
    """To be asked for before the daemon, which learns from the environment where it is."""
    one = FakeJournal(tmp_path / "journal.sock")
    monkeypatch.setenv("PYCONTAINERD_JOURNAL_SOCKET", str(one.path))
    yield one
    one.vanish()


async def run(api: Api, rootfs: Path, script: str, **fields: Any) -> str:
    container = await api.create(rootfs, "/bin/sh", "-c", script, **{"log": DRIVER} | fields)
    await start(api, container)
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    return container


async def test_lines_and_fields(journal: FakeJournal, api: Api, rootfs: Path) -> None:
    journal.listen()
    journal.read()
    labels = {"app": "web", "com.example/tier": "a\nMESSAGE=forged\n", "APP": "other"}
    script = "echo one; echo err >&2; printf 'caf\\351\\0\\n\\nlast'"
    container = await run(api, rootfs, script, name="web", labels=labels, log=DRIVER | {"tag": "shop"})
    await journal.until(lambda: len(journal.entries) == 5)
    assert journal.messages(PRIORITY="6") == [b"one", b"caf\xe9\0", b"", b"last"]
    assert journal.messages(PRIORITY="3") == [b"err"]
    for entry in journal.entries:
        assert entry["CONTAINER_ID"] == [container[:12].encode()]
        assert entry["CONTAINER_ID_FULL"] == [container.encode()]
        assert entry["CONTAINER_NAME"] == [b"web"]
        assert entry["CONTAINER_TAG"] == entry["SYSLOG_IDENTIFIER"] == [b"shop"]
        assert entry["CONTAINER_LABEL_APP"] == [b"web", b"other"]
        assert entry["CONTAINER_LABEL_COM_EXAMPLE_TIER"] == [b"a\nMESSAGE=forged\n"]
        assert len(entry["MESSAGE"]) == 1
        assert entry["SYSLOG_TIMESTAMP"][0].startswith(b"2")
    (last,) = (entry for entry in journal.entries if entry["MESSAGE"] == [b"last"])
    assert (last["CONTAINER_PARTIAL_MESSAGE"], last["CONTAINER_PARTIAL_LAST"]) == ([b"true"], [b"false"])
    assert "CONTAINER_PARTIAL_MESSAGE" not in journal.entries[0]
    answer = (await api.get(f"/v1/containers/{container}/logs")).error(409, "conflict", step="logs")
    assert f"journalctl CONTAINER_ID_FULL={container}" in answer["hint"]
    await remove(api, container)


async def test_a_long_line_comes_in_pieces_that_belong_together(journal: FakeJournal, api: Api, rootfs: Path) -> None:
    journal.listen()
    journal.read()
    container = await run(api, rootfs, "printf '%040000d\\nafter\\n' 7")
    await journal.until(lambda: len(journal.entries) == 4)
    assert b"".join(journal.messages()[:3]) == b"%040000d" % 7
    assert [entry.get("CONTAINER_PARTIAL_MESSAGE") for entry in journal.entries] == [[b"true"], [b"true"], None, None]
    pieces = journal.entries[:3]
    assert [entry["CONTAINER_PARTIAL_ORDINAL"] for entry in pieces] == [[b"1"], [b"2"], [b"3"]]
    assert [entry["CONTAINER_PARTIAL_LAST"] for entry in pieces] == [[b"false"], [b"false"], [b"true"]]
    assert {entry["CONTAINER_PARTIAL_ID"][0] for entry in pieces} == {f"{container}-0".encode()}
    await remove(api, container)


async def test_a_terminal(journal: FakeJournal, api: Api, rootfs: Path) -> None:
    journal.listen()
    journal.read()
    container = await run(api, rootfs, "echo one; printf 'two\\rtwo\\n\\n'; echo err >&2", terminal=True)
    await journal.until(lambda: len(journal.entries) == 4)
    assert journal.messages(PRIORITY="6") == [b"one", b"two\rtwo", b"", b"err"]
    await remove(api, container)


async def test_two_runs_share_no_line(journal: FakeJournal, api: Api, rootfs: Path) -> None:
    journal.listen()
    journal.read()
    container = await run(api, rootfs, "printf half")
    await start(api, container)
    assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
    await journal.until(lambda: len(journal.entries) == 2)
    assert journal.messages() == [b"half", b"half"]
    await remove(api, container)


async def test_a_journal_that_is_away_holds_nobody_up(journal: FakeJournal, api: Api, rootfs: Path) -> None:
    container = await run(api, rootfs, "seq 20000")
    async with attach(api, container, "?offset=0") as socket:
        client = Attached(socket)
        await client.to_end()
    assert client.channels[1].count(b"\n") == 20_000
    journal.listen()
    journal.read()
    await journal.until(lambda: len(journal.entries) == 20_000)
    assert journal.messages() == [b"%d" % number for number in range(1, 20_001)]
    await remove(api, container)


async def test_a_journal_that_takes_nothing_holds_up_neither_payload_nor_others(
    journal: FakeJournal, api: Api, rootfs: Path
) -> None:
    journal.listen()
    container = await run(api, rootfs, "seq 5000")
    assert (await api.run(rootfs, "/bin/echo", "other"))[1] == b"other\n"
    journal.read()
    await journal.until(lambda: len(journal.entries) == 5000)
    assert journal.messages() == [b"%d" % number for number in range(1, 5001)]
    await remove(api, container)


async def test_what_has_no_room_while_it_waits_is_counted(
    journal: FakeJournal, daemon: Daemon, api: Api, rootfs: Path
) -> None:
    daemon.expect_errors()
    log = DRIVER | {"max_bytes": 4096, "max_files": 2}
    container = await run(api, rootfs, "seq 10000", log=log)
    journal.listen()
    journal.read()
    await journal.until(lambda: bool(journal.entries) and journal.messages()[-1] == b"10000")
    size = len("".join(f"{number}\n" for number in range(1, 10_001)))
    lost = (await api.get(f"/v1/containers/{container}")).json["lost_output_bytes"]
    came = sum(len(message) + 1 for message in journal.messages() if message.isdigit())
    assert size - 6 * 4096 <= lost <= size - 8192  # what the reader had open already has been read too
    assert abs(came - (size - lost)) <= 8  # the first may have begun before what was kept
    gaps = [entry for entry in journal.entries if "CONTAINER_LOST_BYTES" in entry]
    assert sum(int(entry["CONTAINER_LOST_BYTES"][0]) for entry in gaps) == lost
    for entry in gaps:
        assert entry["CONTAINER_ID_FULL"] == [container.encode()]
        assert entry["MESSAGE"][0].startswith(entry["CONTAINER_LOST_BYTES"][0] + b" bytes of output are lost")
    await remove(api, container)


@pytest.mark.parametrize("journal_is_back", ["before", "after"])
async def test_a_restart_of_the_daemon_loses_nothing(
    journal: FakeJournal, daemon: Daemon, rootfs: Path, journal_is_back: str
) -> None:
    journal.listen()
    journal.read()
    async with daemon.api() as api:
        script = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; echo e$i >&2; done; read a; printf 'end'"
        container = await api.create(rootfs, "/bin/sh", "-c", script, log=DRIVER, stdin=True)
        await start(api, container)
        await journal.until(lambda: len(journal.entries) > 100)
    daemon.kill()
    if journal_is_back == "after":
        journal.read_rest()
        journal.vanish()
    daemon.start()
    await daemon.answering()
    if journal_is_back == "after":
        journal.listen()
        journal.read()
    async with daemon.api() as api:
        assert (await api.request("PUT", f"/v1/containers/{container}/stdin", data=b"\n")).status == 204
        assert (await api.post(f"/v1/containers/{container}/wait")).json["exit_code"] == 0
        await journal.until(lambda: bool(journal.entries) and journal.messages()[-1] == b"end")
        expected = [b"%d" % number for number in range(1, 2001)] + [b"end"]
        for priority, lines in (("6", expected), ("3", [b"e%d" % number for number in range(1, 2001)])):
            found = journal.messages(PRIORITY=priority)
            assert list(dict.fromkeys(found)) == lines  # all, in order
            assert len(found) <= len(lines) + 1  # the one that was sent and not recorded
        offsets = {(entry["PRIORITY"][0], entry["CONTAINER_LOG_OFFSET"][0]) for entry in journal.entries}
        assert len(offsets) == len(expected) + 2000  # a repeated one has the same
        await remove(api, container)


async def test_a_removal_waits_for_the_journal(journal: FakeJournal, api: Api, rootfs: Path) -> None:
    container = await run(api, rootfs, "seq 100")
    removing = asyncio.create_task(remove(api, container))
    await asyncio.sleep(0)
    journal.listen()
    journal.read()
    await removing
    await journal.until(lambda: len(journal.entries) == 100)


async def test_a_removal_does_not_wait_for_ever(journal: FakeJournal, daemon: Daemon, api: Api, rootfs: Path) -> None:
    assert not journal.path.exists()
    container = await run(api, rootfs, "echo unheard")
    async with asyncio.timeout(30):
        await remove(api, container)
    assert "output is lost that the journal did not take" in daemon.log
    assert list((daemon.data_dir / "containers").iterdir()) == []


async def test_sent_output_does_not_pile_up(journal: FakeJournal, daemon: Daemon, api: Api, rootfs: Path) -> None:
    journal.listen()
    journal.read()
    container = await run(api, rootfs, "seq 30000", log=DRIVER | {"max_bytes": 8192, "max_files": 1000})
    await journal.until(lambda: len(journal.entries) == 30_000)
    files = (daemon.data_dir / "containers" / container).glob("output*")
    assert sum(file.stat().st_size for file in files if file.suffix != ".index") <= 9 * 8192
    await remove(api, container)


async def test_the_doctor_tells_whether_it_is_there(journal: FakeJournal, api: Api) -> None:
    async def told() -> Any:
        checks = (await api.get("/v1/doctor")).json["checks"]
        return next(check for check in checks if check["name"] == "journal")

    missing = await told()
    assert (missing["status"], str(journal.path) in missing["found"]) == ("warn", True)
    assert "journal_socket" in missing["hint"]
    journal.listen()
    assert (await told())["status"] == "ok"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    path = str(tmp_path / "none/socket")
    monkeypatch.setenv("PYCONTAINERD_JOURNAL_SOCKET", path)
    return path


async def test_a_host_without_a_journal(nowhere: str, api: Api, rootfs: Path) -> None:
    body = {"rootfs": str(rootfs), "args": ["/bin/true"], "log": DRIVER}
    told = (await api.post("/v1/containers", json=body)).error(422, "not_supported", step="log")
    assert nowhere in told["message"]
    assert (await api.get("/v1/containers")).json["containers"] == []


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"log": {"driver": "file", "tag": "x"}}, 400, "tag"),
        ({"log": {"driver": "journald", "tag": "a\nb"}}, 400, "log.tag"),
        ({"log": {"driver": "journald", "tag": ""}}, 400, "log.tag"),
        ({"log": {"driver": "journald", "max_bytes": 1}}, 400, "log.max_bytes"),
        ({"log": DRIVER, "labels": {str(n): "x" for n in range(300)}}, 422, "300"),
        ({"log": DRIVER, "labels": {"big": "é" * 40_000}}, 422, "80003"),
    ],
)
async def test_what_the_journal_cannot_take(api: Api, rootfs: Path, fields: dict[str, Any], status: int, told: str) -> None:
    body = {"rootfs": str(rootfs), "args": ["/bin/true"], **fields}
    kind = "invalid_argument" if status == 400 else "not_supported"
    assert told in (await api.post("/v1/containers", json=body)).error(status, kind)["message"]
    assert (await api.get("/v1/containers")).json["containers"] == []
