"""`checkpoint` and `restore`: what they ask of the library."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.errors import Internal
from containerd_py.runtime.checkpoint import criu
from containerd_py.runtime.checkpoint.messages import CgroupMode, PageServer
from containerd_py.runtime.checkpoint.options import CheckpointOptions, RestoreOptions
from tests.unit.cli.oci.conftest import DOCUMENT, Called, Library, Pyrunc
from tests.unit.runtime.checkpoint.protocol import fake_criu

_COMMON = ("--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks", "--auto-dedup", "--lazy-pages")
_ALL: dict[str, Any] = dict.fromkeys((name[2:].replace("-", "_") for name in _COMMON), True)


def test_a_checkpoint_ends_the_container(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    box = library.has()
    assert pyrunc("checkpoint", "--image-path", str(tmp_path / "images"), "box").code == 0
    assert box.heard == [("checkpoint", CheckpointOptions(image_path=str(tmp_path / "images"))), ("destroy", True)]


@pytest.mark.parametrize("option", ["--leave-running", "--pre-dump"])
def test_unless_it_is_to_run_on(pyrunc: Pyrunc, library: Library, option: str) -> None:
    box = library.has()
    assert pyrunc("checkpoint", option, "box").code == 0
    named: dict[str, Any] = {option[2:].replace("-", "_"): True}
    asked = CheckpointOptions(image_path=str(Path("checkpoint").absolute()), **named)
    assert box.heard == [("checkpoint", asked)]


def test_every_option_of_a_checkpoint(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has()
    given = (
        *("--image-path", "/i", "--work-path", "/w", "--parent-path", "../p", "--tcp-skip-in-flight", "--link-remap"),
        *("--page-server", "[::1]:27", "--status-fd", "7", "--manage-cgroups-mode", "full", "--empty-ns", "network"),
    )
    assert pyrunc("checkpoint", *_COMMON, *given, "box").code == 0
    asked = CheckpointOptions(
        image_path="/i",
        work_path="/w",
        parent_path="../p",
        tcp_skip_in_flight=True,
        link_remap=True,
        page_server=PageServer("::1", 27),
        status_fd=7,
        cgroups=CgroupMode.FULL,
        **_ALL,
    )
    assert box.heard[0] == ("checkpoint", asked)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--page-server", "here"), "not ADDRESS:PORT"),
        (("--page-server", ":27"), "not ADDRESS:PORT"),
        (("--page-server", "a:65536"), "not ADDRESS:PORT"),
        (("--status-fd", "x"), "--status-fd"),
        (("--manage-cgroups-mode", "x"), "not one of soft, full, strict, ignore"),
        (("--empty-ns", "pid"), "CRIU does so for network alone"),
    ],
)
def test_options_that_are_none(pyrunc: Pyrunc, library: Library, options: tuple[str, ...], told: str) -> None:
    box = library.has()
    result = pyrunc("checkpoint", *options, "box")
    assert result.code == 1
    assert told in result.stderr
    assert box.heard == []


def test_a_checkpoint_that_fails_leaves_the_container(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has()
    box.fails = {"checkpoint": Internal("cannot checkpoint container 'box': CRIU failed: x", hint="its log is '/x'")}
    assert pyrunc("checkpoint", "box") == Called(
        1, "", "pyrunc: cannot checkpoint container 'box': CRIU failed: x; its log is '/x'\n"
    )
    assert [name for name, *_rest in box.heard] == ["checkpoint"]


def test_a_restore_that_is_detached(pyrunc: Pyrunc, library: Library, bundle: Path, tmp_path: Path) -> None:
    given = (
        "--image-path",
        "/i",
        "--lsm-profile",
        "apparmor:x",
        "--lsm-mount-context",
        "c",
        "--pid-file",
        str(tmp_path / "p"),
    )
    assert pyrunc("restore", "--bundle", str(bundle), "--detach", *_COMMON, *given, "box").code == 0
    (made,) = library.made
    assert made["options"] == RestoreOptions(image_path="/i", lsm_profile="apparmor:x", lsm_mount_context="c", **_ALL)
    assert (made["bundle"], made["state_root"], made["console_socket"]) == (str(bundle), str(pyrunc.root), None)
    assert (tmp_path / "p").read_text() == str(os.getpid())
    assert library.containers["box"].heard == []


def test_a_restore_is_waited_for(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    assert pyrunc("restore", "-b", str(bundle), "--no-subreaper", "box").code == 0
    assert library.containers["box"].heard == [("wait",), ("destroy", True)]


@pytest.mark.parametrize(("options", "told"), [(("--no-pivot",), "pivot"), (("--console-socket", "/x"), "console-socket")])
def test_a_restore_refuses_before_anything_is_made(
    pyrunc: Pyrunc, library: Library, bundle: Path, options: tuple[str, ...], told: str
) -> None:
    result = pyrunc("restore", "-b", str(bundle), *options, "box")
    assert result.code == 1
    assert told in result.stderr
    assert not library.made


def test_a_terminal_that_nobody_would_hold(pyrunc: Pyrunc, bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps(DOCUMENT | {"process": {**DOCUMENT["process"], "terminal": True}}))
    assert "nobody would hold" in pyrunc("restore", "-d", "-b", str(bundle), "box").stderr


def test_features_tell_whether_there_is_a_criu(monkeypatch: pytest.MonkeyPatch, pyrunc: Pyrunc, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(criu, "_USUAL", str(tmp_path))

    def told() -> str:
        return str(json.loads(pyrunc("features").stdout)["annotations"]["org.opencontainers.runc.checkpoint.enabled"])

    assert told() == "false"
    fake_criu(tmp_path)
    assert told() == "true"
