"""What CRIU is asked for a checkpoint, and what becomes of its answer."""

import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Internal, InvalidArgument, NotSupported
from containerd_py.runtime.checkpoint import criu
from containerd_py.runtime.checkpoint.dump import checkpoint
from containerd_py.runtime.checkpoint.messages import CgroupMode, PageServer
from containerd_py.runtime.checkpoint.options import CheckpointOptions
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.state import State
from tests.unit.runtime.checkpoint.protocol import NO_FEATURES, answer, fake_criu, fields, moment, part

DUMPED = answer(1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For a fake CRIU, which alone is found."""
    made = tmp_path / "bin"
    made.mkdir()
    monkeypatch.setenv("PATH", str(made))
    monkeypatch.setattr(criu, "_USUAL", str(made))
    return made


def dump(tmp_path: Path, annotations: dict[str, str] | None = None, **options: Any) -> None:
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir(exist_ok=True)
    spec = parse(
        {
            "root": {"path": str(rootfs)},
            "process": {"args": ["x"]},
            "mounts": [{"type": "bind", "source": "/srv", "destination": "/data", "options": ["bind"]}],
            "linux": {"namespaces": [{"type": "mount"}]},
            "annotations": annotations or {},
        }
    )
    state = State("box", "running", os.getpid(), str(tmp_path), rootfs=str(rootfs))
    asked = {"cgroups": CgroupMode.IGNORE} | options
    checkpoint(state, spec, CheckpointOptions(image_path=str(tmp_path / "images"), **asked))


def asked(folder: Path) -> tuple[int, dict[int, list[Any]]]:
    """The kind of the request, and its options."""
    found = fields((folder / "asked").read_bytes())
    return found[1][0], fields(found[2][0])


def test_what_is_asked_for_without_options(folder: Path, tmp_path: Path) -> None:
    fake_criu(folder, then=(DUMPED,))
    dump(tmp_path)
    kind, options = asked(folder)
    assert kind == 1
    assert options[2] == [os.getpid()]
    assert options[10] == [b"dump.log"]
    assert options[13] == [str(tmp_path / "rootfs").encode()]
    assert options[34] == [0]
    assert options[38] == [0x4000_0000]  # CLONE_NEWNET
    assert options[50] == [1]
    assert options[51] == [b"/etc/criu/runc.conf"]
    assert [fields(one) for one in options[23]] == [{1: [b"/data"], 2: [b"/data"]}]
    assert all(options[number] == [0] for number in (3, 4, 5, 7, 8, 16, 18, 46, 48))
    assert 14 not in options
    assert (tmp_path / "images/descriptors.json").exists()


def test_each_option_is_passed_on(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    fake_criu(folder, then=(DUMPED,))
    switches = ("leave_running", "ext_unix_sk", "tcp_established", "shell_job", "file_locks", "auto_dedup", "link_remap")
    dump(
        tmp_path,
        {"org.criu.config": "/etc/criu/my.conf"},
        work_path=str(tmp_path / "work"),
        parent_path="../first",
        page_server=PageServer("10.0.0.1", 27),
        tcp_skip_in_flight=True,
        lazy_pages=True,
        **dict.fromkeys(switches, True),
    )
    _kind, options = asked(folder)
    assert all(options[number] == [1] for number in (3, 4, 5, 7, 8, 15, 16, 18, 46, 48))
    assert options[14] == [b"../first"]
    assert fields(options[11][0]) == {1: [b"10.0.0.1"], 2: [27]}
    assert options[51] == [b"/etc/criu/my.conf"]
    assert (tmp_path / "work").is_dir()


def test_no_configuration_file_is_wanted(folder: Path, tmp_path: Path) -> None:
    fake_criu(folder, then=(DUMPED,))
    dump(tmp_path, {"org.criu.config": ""})
    assert 51 not in asked(folder)[1]


@pytest.mark.parametrize("path", ["/srv/my.conf", "/etc/criu/../my.conf", "/etc/criuless/my.conf", "my.conf"])
def test_a_configuration_file_that_an_image_may_have_brought(folder: Path, tmp_path: Path, path: str) -> None:
    """CRIU runs what it names as root."""
    fake_criu(folder, then=(DUMPED,))
    with pytest.raises(InvalidArgument, match=r"annotations\.org\.criu\.config"):
        dump(tmp_path, {"org.criu.config": path})
    assert not (tmp_path / "images").exists()
    assert not (folder / "asked").exists()


def test_a_pre_dump_is_of_memory_alone(folder: Path, tmp_path: Path) -> None:
    fake_criu(folder, then=(answer(4),))
    dump(tmp_path, pre_dump=True)
    kind, options = asked(folder)
    assert kind == 4
    assert 23 not in options
    assert not (tmp_path / "images/descriptors.json").exists()


def test_what_the_kernel_lacks_is_told_first(folder: Path, tmp_path: Path) -> None:
    fake_criu(folder, features=NO_FEATURES)
    with pytest.raises(NotSupported, match="--pre-dump"):
        dump(tmp_path, pre_dump=True)
    assert not (tmp_path / "images").exists()


def test_who_waits_for_pages_is_told(folder: Path, tmp_path: Path) -> None:
    fake_criu(folder, then=(moment("status-ready"), DUMPED))
    read, write = os.pipe()
    dump(tmp_path, lazy_pages=True, status_fd=write)
    with os.fdopen(read, "rb") as told:
        assert told.read() == b"\0"  # and the end: it was closed


@pytest.mark.parametrize("fd", ["reading", "closed"])
def test_a_status_fd_that_cannot_be_written_to(folder: Path, tmp_path: Path, fd: str) -> None:
    fake_criu(folder)
    with open("/dev/null", "rb") as reading:
        number = reading.fileno() if fd == "reading" else 1_000_000
        with pytest.raises(InvalidArgument, match=f"cannot use --status-fd {number}"):
            dump(tmp_path, lazy_pages=True, status_fd=number)


@pytest.mark.parametrize("then", [(answer(1, part(9, b"it is so"), success=False),), ()])
def test_a_failure_names_the_log(folder: Path, tmp_path: Path, then: tuple[bytes, ...]) -> None:
    fake_criu(folder, then=then)
    (tmp_path / "images").mkdir()
    with pytest.raises(Internal, match="cannot checkpoint container 'box': CRIU failed: it ") as failed:
        dump(tmp_path)
    assert "/etc/criu/runc.conf" in str(failed.value.hint)
    fake_criu(folder, then=then, logs=(tmp_path / "images/dump.log", "(00.1) Error (criu/x.c:1): no luck\n"))
    with pytest.raises(Internal, match="CRIU failed: no luck") as failed:
        dump(tmp_path)
    assert failed.value.hint == f"its log is '{tmp_path}/images/dump.log'"
