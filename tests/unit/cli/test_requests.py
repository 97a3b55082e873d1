"""Options become the request that they say, or an error that names them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from containerd_py.cli.requests import build_request
from containerd_py.cli.sizes import parse_size
from containerd_py.cli.spec_options import LogChoice, NetworkChoice, SpecOptions
from containerd_py.errors import InvalidArgument
from containerd_py.wire import ContainerSpec, LogSpec

if TYPE_CHECKING:
    from pathlib import Path


def built(environment: Any = None, **options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"rootfs": "/r", "args": ["/bin/true"]} | options
    return build_request(SpecOptions(**given), environment or {}).model_dump(mode="json", exclude_unset=True)


def test_only_what_was_given_is_sent() -> None:
    assert built() == {"rootfs": "/r", "args": ["/bin/true"]}


def test_every_option_has_its_field() -> None:
    request = built(
        name="web",
        interactive=True,
        tty=True,
        hostname="h",
        user="0:0",
        workdir="/w",
        read_only=True,
        network=NetworkChoice.HOST,
        label=["a=b=c", "d"],
        annotation=["org.x=y=z"],
        pids_limit=5,
        memory="64m",
        cpus=0.5,
    )
    assert request == {
        "rootfs": "/r",
        "args": ["/bin/true"],
        "name": "web",
        "stdin": True,
        "terminal": True,
        "hostname": "h",
        "user": "0:0",
        "cwd": "/w",
        "read_only": True,
        "network": "host",
        "labels": {"a": "b=c", "d": ""},
        "annotations": {"org.x": "y=z"},
        "resources": {"pids": 5, "memory_bytes": 64 << 20, "cpus": 0.5},
    }


def test_paths_of_the_host_are_made_absolute() -> None:
    request = built(rootfs="root", volume=["data:/data"])
    assert request["rootfs"] == os.path.join(os.getcwd(), "root")
    assert request["mounts"][0]["source"] == os.path.join(os.getcwd(), "data")


def test_a_variable_without_a_value_is_taken_from_here() -> None:
    request = built({"HOME": "/root", "X": "no"}, env=["A=b=c", "E=", "HOME", "NOT_SET"])
    assert request["env"] == {"A": "b=c", "E": "", "HOME": "/root"}


@pytest.mark.parametrize(
    ("option", "text", "mount"),
    [
        ("volume", "/s:/t", {"source": "/s", "options": ["rbind"]}),
        ("volume", "/s:/t:ro", {"source": "/s", "options": ["rbind", "ro"]}),
        ("volume", "/s:/t:bind,ro,nosuid", {"source": "/s", "options": ["bind", "ro", "nosuid"]}),
        ("mount", "type=bind,source=/s,target=/t", {"source": "/s", "options": ["rbind"]}),
        ("mount", "type=bind,src=/s,dst=/t,readonly", {"source": "/s", "options": ["rbind", "ro"]}),
        ("mount", "src=/s,destination=/t,ro=false", {"source": "/s", "options": ["rbind"]}),
        ("mount", "src=/s,dst=/t,bind-propagation=rslave", {"source": "/s", "options": ["rbind", "rslave"]}),
        ("mount", "type=tmpfs,target=/t", {"type": "tmpfs", "options": []}),
        (
            "mount",
            "type=tmpfs,size=1m,nosuid,target=/t,mode=,ro",
            {"type": "tmpfs", "options": ["size=1m", "nosuid", "mode=", "ro"]},
        ),
        (
            "mount",
            "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700",
            {"type": "tmpfs", "options": ["size=1m", "mode=700"]},
        ),
    ],
)
def test_mounts(option: str, text: str, mount: dict[str, Any]) -> None:
    assert built(**{option: [text]})["mounts"] == [{"type": "bind", "target": "/t"} | mount]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rootfs": None}, "--rootfs is missing"),
        ({"args": []}, "no program"),
        ({"args": None}, "no program"),
        ({"env": ["=x"]}, "--env '=x' has no name"),
        ({"label": ["=x"]}, "--label has no name"),
        ({"annotation": ["=x"]}, "--annotation has no name"),
        ({"name": "a/b"}, "--name 'a/b'"),
        ({"name": ""}, "name ''"),
        ({"workdir": "relative"}, "--workdir 'relative': it has another form"),
        ({"pids_limit": 0}, "--pids-limit 0: input should be"),
        ({"cpus": float("nan")}, "--cpus nan"),
        ({"memory": "much"}, "--memory 'much'"),
        ({"memory": ""}, "--memory ''"),
        ({"volume": ["/s"]}, "SRC:DST"),
        ({"volume": ["/s:t"]}, "target 't' is not absolute"),
        ({"mount": ["type=bind,target=/t"]}, "source is missing"),
        ({"mount": ["type=bind,source=/s"]}, "target is missing"),
        ({"mount": ["type=tmpfs,source=/s,target=/t"]}, "no source"),
        ({"mount": ["type=cifs,target=/t"]}, "neither bind nor tmpfs"),
        ({"mount": ["source=/s,target=/t,size=1m"]}, "no such key: 'size'"),
        ({"mount": ["type=bind,source=/s,target=/t,nosuid"]}, "no such key: 'nosuid'"),
        ({"mount": ["type=tmpfs,target=/t,"]}, "no such key: ''"),
        ({"mount": ["type=tmpfs,target=/t,=1"]}, "no such key: ''"),
        ({"mount": ["type=tmpfs,target=/t,bind-propagation=slave"]}, "does not go with this type"),
        ({"mount": ["type=tmpfs,target=/t,readonly=maybe"]}, "neither true nor false"),
        ({"mount": ["type=bind,source=/s,target=/t,tmpfs-size=1"]}, "does not go with this type"),
        ({"bundle": "/b"}, "ARGS does not go with --bundle"),
        ({"bundle": "/b", "args": None}, "--rootfs does not go with --bundle"),
        ({"bundle": "/b", "args": None, "rootfs": None, "tty": True}, "--tty does not go with --bundle"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        built(**options)
    assert caught.value.message.startswith("cannot read the options: ")
    assert words in caught.value.message


def test_a_bundle_keeps_what_is_not_in_its_document() -> None:
    request = built(rootfs=None, args=None, bundle="b", name="web", label=["a=b"], interactive=True)
    assert request == {"bundle": os.path.join(os.getcwd(), "b"), "name": "web", "labels": {"a": "b"}, "stdin": True}


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("10b", 10), ("2k", 2048), ("2K", 2048), ("2kb", 2048), ("2KiB", 2048), ("1.5g", 3 << 29), ("1t", 1 << 40)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "b", "k", "1x", "1 k x", "inf", "nan", "kib"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no size"):
        parse_size(text)


def test_how_output_is_kept() -> None:
    options = SpecOptions(rootfs="/r", args=["a"], log_opt=["max-size=10k", "max-file=3"])
    assert build_request(options, {}).log == LogSpec(max_bytes=10_240, max_files=3)
    options = SpecOptions(bundle="/b", log_driver=LogChoice.NONE)
    assert build_request(options, {}).log == LogSpec(driver="none")
    options = SpecOptions(bundle="/b", log_driver=LogChoice.JOURNALD, log_opt=["tag=a=b"])
    assert build_request(options, {}).log == LogSpec(driver="journald", tag="a=b")


@pytest.mark.parametrize("option", ["max-size=x", "max-size=1", "max-file=0", "max-file=x", "colour=red", "tag=web", ""])
def test_log_options_that_are_none(option: str) -> None:
    with pytest.raises(InvalidArgument):
        build_request(SpecOptions(rootfs="/r", args=["a"], log_opt=[option]), {})


def test_variables_and_labels_of_files(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=file\n# none\n  B=x y\nC\nD\n")
    (tmp_path / "labels").write_text("tier=front\nkept\n")
    options = SpecOptions(
        rootfs="/r", args=["a"], env=["A=option"], env_file=[f"{tmp_path}/env"], label_file=[f"{tmp_path}/labels"]
    )
    request = build_request(options, {"C": "here"})
    assert isinstance(request, ContainerSpec)
    assert (request.env, request.labels) == ({"A": "option", "B": "x y", "C": "here"}, {"tier": "front", "kept": ""})


@pytest.mark.parametrize("content", [None, b"\xff"])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "env").write_bytes(content)
    with pytest.raises(InvalidArgument, match=r"cannot read .*env"):
        build_request(SpecOptions(rootfs="/r", args=["a"], env_file=[f"{tmp_path}/env"]), {})


def test_a_tmpfs() -> None:
    options = SpecOptions(rootfs="/r", args=["a"], tmpfs=["/t", "/u:size=1m,noexec"])
    request = build_request(options, {})
    assert isinstance(request, ContainerSpec)
    assert [(one.type, one.target, one.options) for one in request.mounts] == [
        ("tmpfs", "/t", ()),
        ("tmpfs", "/u", ("size=1m", "noexec")),
    ]
    with pytest.raises(InvalidArgument, match="is not absolute"):
        build_request(SpecOptions(rootfs="/r", args=["a"], tmpfs=["t"]), {})


@pytest.mark.parametrize(("field", "flag"), [("env_file", "--env-file"), ("read_only", "--read-only"), ("args", "ARGS")])
def test_what_does_not_go_with_a_bundle(field: str, flag: str) -> None:
    given: dict[str, Any] = {"bundle": "/b", field: ["x"]}
    with pytest.raises(InvalidArgument, match=f"{flag} does not go with --bundle"):
        build_request(SpecOptions(**given), {})


def test_what_outlives_a_boot_says_so() -> None:
    assert built(durable=True)["durable"] is True
    assert "durable" not in built()
    bundle = build_request(SpecOptions(bundle="/b", durable=True), {})
    assert bundle.model_dump(exclude_unset=True) == {"bundle": "/b", "durable": True}
