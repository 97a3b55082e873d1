"""The daemon's settings: three sources, and what each may not say."""

import os
from pathlib import Path

import pytest

from containerd_py import config
from containerd_py.config import DaemonConfig, load
from containerd_py.errors import InvalidArgument


@pytest.fixture(autouse=True)
def no_file_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CONFIG_FILE", str(tmp_path / "absent.toml"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_the_defaults_are_those_of_the_documentation() -> None:
    found = load([], {})
    assert found == DaemonConfig()
    assert (found.socket, found.state_dir) == ("/run/pycontainerd/pycontainerd.sock", "/run/pycontainerd")
    assert (found.data_dir, found.log_level) == ("/var/lib/pycontainerd", "info")
    assert found.socket_group is None


@pytest.mark.parametrize(
    ("in_file", "environment", "flags", "expected"),
    [
        (None, {}, [], "info"),
        ("debug", {}, [], "debug"),
        ("debug", {"PYCONTAINERD_LOG_LEVEL": "warning"}, [], "warning"),
        ("debug", {"PYCONTAINERD_LOG_LEVEL": "warning"}, ["--log-level", "error"], "error"),
        (None, {"PYCONTAINERD_LOG_LEVEL": "warning"}, [], "warning"),
        ("debug", {}, ["--log-level=error"], "error"),
    ],
)
def test_file_then_environment_then_flags(
    file: Path, in_file: str | None, environment: dict[str, str], flags: list[str], expected: str
) -> None:
    file.write_text("" if in_file is None else f'log_level = "{in_file}"\n')
    assert load(["--config", str(file), *flags], environment).log_level == expected


def test_sources_are_joined_setting_by_setting(file: Path) -> None:
    file.write_text('state_dir = "/f/state"\ndata_dir = "/f/data"\nsocket = "/f/socket"\n')
    environment = {"PYCONTAINERD_DATA_DIR": "/e/data", "PYCONTAINERD_SOCKET": "/e/socket"}
    found = load(["--config", str(file), "--socket", "/c/socket"], environment)
    assert (found.state_dir, found.data_dir, found.socket) == ("/f/state", "/e/data", "/c/socket")


@pytest.mark.parametrize("name", ["socket", "state_dir", "data_dir", "socket_group", "cgroup_parent", "log_level"])
def test_every_setting_has_a_variable_and_a_flag(name: str) -> None:
    value = {"log_level": "debug", "socket_group": "daemon", "cgroup_parent": "mine"}.get(name, "/x/y")
    other = {} if name != "socket_group" else {"PYCONTAINERD_SOCKET": "/x/y"}
    assert getattr(load([], {f"PYCONTAINERD_{name.upper()}": value} | other), name) == value
    assert getattr(load([f"--{name.replace('_', '-')}", value], other), name) == value


def test_the_file_may_be_named_by_the_environment(file: Path, tmp_path: Path) -> None:
    file.write_text('log_level = "debug"\n')
    (tmp_path / "other.toml").write_text('log_level = "error"\n')
    environment = {"PYCONTAINERD_CONFIG": str(file)}
    assert load([], environment).log_level == "debug"
    assert load(["--config", str(tmp_path / "other.toml")], environment).log_level == "error"


def test_the_usual_file_is_read_where_there_is_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('log_level = "debug"\n')
    monkeypatch.setattr(config, "CONFIG_FILE", str(file))
    assert load([], {}).log_level == "debug"


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    for arguments, environment in ((["--config", str(tmp_path / "x")], {}), ([], {"PYCONTAINERD_CONFIG": "/nowhere/x"})):
        with pytest.raises(InvalidArgument, match="no such file") as refused:
            load(arguments, environment)
        assert (refused.value.step, refused.value.errno) == ("config", "ENOENT")


@pytest.mark.parametrize("content", [b"log_level =", b"\xff\xfe", b"log_level = 'a\nb'"])
def test_a_file_that_is_no_toml_is_named(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(InvalidArgument, match=r"cannot read settings '.*config\.toml'"):
        load(["--config", str(file)], {})


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="cannot read settings"):
        load(["--config", str(tmp_path)], {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('sokcet = "/x"', "sokcet: Extra inputs"),
        ("[section]\nx = 1", "section: Extra inputs"),
        ("log_level = 1", "log_level: "),
        ('log_level = "loud"', "log_level: "),
        ("socket = 5", "socket: "),
        ('config = "/x"', "config: Extra inputs"),
        ("log_max_bytes = 1", "log_max_bytes: .*4096 at least"),
        (f"log_max_bytes = {2**63}", "log_max_bytes: "),
        (f"removed_keep_bytes = {2**63}", "removed_keep_bytes: "),
        ('socket = "/a\\u0000b"', "socket has a control character"),
        ('state_dir = "/a\\nb"', "state_dir has a control character"),
        ('data_dir = "/."', "data_dir must not be the root"),
        ('state_dir = "/"', "state_dir must not be the root"),
        (f'socket = "/{"a" * 107}"', "socket must not be longer than 107"),
        (f'journal_socket = "/{"a" * 107}"', "journal_socket must not be longer than 107"),
        (f'data_dir = "/{"a" * 256}"', "data_dir must not be longer"),
        (f'data_dir = "{"/a" * 2001}"', "data_dir must not be longer"),
        ('socket_group = "no-such-group"\nsocket = "/x/y"', "socket_group: this host has no group"),
        ('socket_group = "a\\u0000"\nsocket = "/x/y"', "socket_group: this host has no group"),
        ('cgroup_parent = "a\\u0000"', "cgroup_parent"),
        ('cgroup_parent = "a\\nb"', "cgroup_parent"),
        (f'cgroup_parent = "{"a" * 256}"', "cgroup_parent"),
    ],
)
def test_what_the_file_may_not_say(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(InvalidArgument, match="cannot use settings: " + words) as refused:
        load(["--config", str(file)], {})
    assert refused.value.step == "config"


@pytest.mark.parametrize(
    ("content", "told"),
    [("x = " + "[" * 3000, "nested"), (f"log_max_bytes = {'9' * 5000}", "digits"), ("#" * (2 << 20), "larger")],
)
def test_a_file_that_nobody_can_mean(file: Path, content: str, told: str) -> None:
    file.write_text(content)
    with pytest.raises(InvalidArgument, match=rf"cannot read settings '.*config\.toml': .*{told}"):
        load(["--config", str(file)], {})


def test_a_pipe_holds_up_nobody(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(InvalidArgument, match="it is no regular file"):
        load(["--config", str(file)], {})


@pytest.mark.parametrize("name", ["socket", "state_dir", "data_dir"])
@pytest.mark.parametrize("value", ["relative", "./x", ""])
def test_paths_must_be_absolute(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{name} must be an absolute path"):
        load([], {f"PYCONTAINERD_{name.upper()}": value})


@pytest.mark.parametrize("flags", [["--nope"], ["--sock", "/x"], ["extra"]])
def test_an_unknown_flag_ends_with_usage(capsys: pytest.CaptureFixture[str], flags: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load(flags, {})
    assert ended.value.code == 2
    assert "usage: pycontainerd" in capsys.readouterr().err


def test_help_tells_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load(["--help"], {})
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "[[sockets]]" in text
    for name in DaemonConfig.model_fields.keys() - {"sockets"}:
        assert "--" + name.replace("_", "-") in text


# ── the cgroup of this daemon's containers ──


def parent(*arguments: str) -> str:
    return load(list(arguments), {}).parent()


def test_two_daemons_never_share_a_cgroup() -> None:
    parents = {parent("--state-dir", path) for path in ("/run/a", "/run/b", "/run/a/b")}
    assert len(parents) == 3
    assert len({parent("--state-dir", path, "--cgroup-parent", "x") for path in ("/run/a", "/run/b")}) == 2


def test_one_directory_by_two_names_is_one_daemon(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert (
        parent("--state-dir", f"{tmp_path}/link")
        == parent("--state-dir", f"{tmp_path}/")
        == parent("--state-dir", str(tmp_path))
    )


@pytest.mark.parametrize(("given", "expected"), [("", ""), ("/", ""), ("//", ""), ("mine", "/mine"), ("/a/b/", "/a/b")])
def test_there_is_always_a_cgroup_of_our_own_below_the_parent(given: str, expected: str) -> None:
    """Recovery kills what is in it and on no record: it must never be the root, or anybody else's."""
    found = parent("--cgroup-parent", given)
    assert found.startswith(f"{expected}/pycontainerd-")
    assert found.count("/") == expected.count("/") + 1


@pytest.mark.parametrize("given", ["..", "a/../..", "/a/./b", "a//b", "../x"])
def test_a_parent_that_is_no_path_of_a_cgroup_is_refused(given: str) -> None:
    with pytest.raises(InvalidArgument, match="cgroup_parent"):
        load(["--cgroup-parent", given], {})


# ── a group that may use the socket ──


@pytest.mark.parametrize("socket", ["/run/s/api.sock", "/run/s/deep/api.sock", "/run/x/../s/api.sock"])
def test_a_group_cannot_reach_a_socket_in_the_state_directory(socket: str) -> None:
    with pytest.raises(InvalidArgument, match="could not reach") as refused:
        load(["--state-dir", "/run/s", "--socket", socket, "--socket-group", "daemon"], {})
    assert refused.value.hint


def test_a_group_reaches_a_socket_elsewhere() -> None:
    arguments = ["--state-dir", "/run/s", "--socket", "/run/s2/api.sock", "--socket-group", "daemon"]
    assert load(arguments, {}).socket_group == "daemon"


def test_true_and_false_come_from_every_source(file: Path) -> None:
    assert load([], {}).machined is False
    file.write_text("machined = true\n")
    assert load(["--config", str(file)], {}).machined is True
    assert load(["--config", str(file), "--machined", "false"], {}).machined is False
    assert load([], {"PYCONTAINERD_MACHINED": "true"}).machined is True
    for wrong in ("", "1", "yes", "True"):
        with pytest.raises(InvalidArgument, match="machined"):
            load([], {"PYCONTAINERD_MACHINED": wrong})


def test_machined_is_for_scopes() -> None:
    with pytest.raises(InvalidArgument, match="machined is for containers that are scopes"):
        load(["--machined", "true", "--cgroup-driver", "cgroupfs"], {})


def test_numbers_come_from_every_source(file: Path) -> None:
    file.write_text("log_max_bytes = 4096\n")
    found = load(["--config", str(file), "--log-max-files", "7"], {})
    assert (found.log_max_bytes, found.log_max_files) == (4096, 7)
    assert load([], {"PYCONTAINERD_LOG_MAX_BYTES": "5000"}).log_max_bytes == 5000
    for wrong in ("-1", "x", "1.5", "", "9" * 5000, "1_0", "\u0661"):
        with pytest.raises(InvalidArgument, match="log_max_bytes"):
            load([], {"PYCONTAINERD_LOG_MAX_BYTES": wrong})
