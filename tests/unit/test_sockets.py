"""Settings of further sockets: what they may say, and what they may not."""

import tomllib
from pathlib import Path

import pytest

from containerd_py import config
from containerd_py.config import load
from containerd_py.errors import InvalidArgument
from containerd_py.sockets import SocketConfig


@pytest.fixture(autouse=True)
def no_file_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CONFIG_FILE", str(tmp_path / "absent.toml"))


def read(folder: Path, text: str) -> config.DaemonConfig:
    file = folder / "config.toml"
    file.write_text(text)
    return load(["--config", str(file)], {})


def test_there_are_none_by_default() -> None:
    assert load([], {}).sockets == ()


def test_a_socket_has_rules(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        log_level = "debug"
        [[sockets]]
        path = "/run/web/api.sock"
        mode = "0660"
        group = "daemon"
        labels = ["team=web", "tier"]
        host_paths = ["/srv/web"]
        users = ["daemon", 12345]
        groups = ["daemon", 4321]
        [[sockets]]
        path = "/run/look/api.sock"
        access = "read-only"
        """,
    )
    web, look = found.sockets
    assert (web.access, web.octal_mode, web.labels) == ("full", 0o660, ("team=web", "tier"))
    assert (web.user_ids(), web.group_ids()) == (frozenset({1, 12345}), frozenset({1, 4321}))
    assert (look.access, look.octal_mode, look.labels, look.user_ids()) == ("read-only", 0o600, (), frozenset())
    assert SocketConfig(path="/a", group="daemon").octal_mode == 0o660


def test_what_is_printed_is_read_as_the_same(tmp_path: Path) -> None:
    text = '[[sockets]]\npath = "/a/\\"b"\nlabels = ["a=b"]\nusers = [7, "daemon"]\n[[sockets]]\npath = "/c"\n'
    found = read(tmp_path, text)
    printed = config.as_toml(found)
    assert tomllib.loads(printed)["sockets"][0]["path"] == '/a/"b'
    assert read(tmp_path, printed) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"sockets\.0\.path: Field required"),
        ('path = "a"', r"sockets\.0\.path: "),
        ('path = "/a"\ncolour = 1', r"sockets\.0\.colour: Extra"),
        (f'path = "/{"a" * 107}"', "107 bytes at most"),
        ('path = "/run/pycontainerd/./pycontainerd.sock"', r"sockets\.0\.path: there are two sockets"),
        ('path = "/a"\n[[sockets]]\npath = "/b/../a"', r"sockets\.1\.path: there are two sockets"),
        ('path = "/a"\naccess = "none"', r"sockets\.0\.access: "),
        ('path = "/a"\nmode = "0777"', r"sockets\.0\.mode: "),
        ('path = "/a"\nmode = "0060"', r"sockets\.0\.mode: "),
        ('path = "/a"\nmode = 432', r"sockets\.0\.mode: "),
        ('path = "/a"\nmode = "0660"', "group: it is missing"),
        ('path = "/a"\nmode = "0600"\ngroup = "daemon"', "mode: it lets no group in"),
        ('path = "/a"\nmode = "0606"', "users: they, or groups, are missing"),
        ('path = "/a"\nlabels = ["=x"]', r"sockets\.0\.labels\.0: "),
        ('path = "/a"\nlabels = "x"', r"sockets\.0\.labels: "),
        ('path = "/a"\nhost_paths = ["/b"]', "host_paths: they are for full access"),
        ('path = "/a"\nlabels = ["x"]\naccess = "read-only"\nhost_paths = ["/b"]', "host_paths: they are for full access"),
        ('path = "/a"\nlabels = ["x"]\nhost_paths = ["b"]', r"sockets\.0\.host_paths\.0: "),
        ('path = "/a"\nusers = ["no-such-user"]', r"sockets\.0\.users\.0: this host has no user 'no-such-user'"),
        ('path = "/a"\ngroups = [1, "no-such-group"]', r"sockets\.0\.groups\.1: this host has no group 'no-such-group'"),
        ('path = "/a"\nusers = [4294967295]', r"sockets\.0\.users\.0"),
        ('path = "/a"\nusers = [true]', r"sockets\.0\.users\.0"),
        ('path = "/a"\nusers = ["a\\u0000"]', r"sockets\.0\.users\.0"),
        ('path = "/a"\ngroup = "no-such-group"', r"sockets\.0\.group: this host has no group"),
        ('path = "/a/"', "path: it names no file"),
        ('path = "/a\\nb"', r"sockets\.0\.path: "),
        ('path = "/a"\nlabels = ["x=1", "y", "x=2"]', "labels: no container can carry two values"),
        ('path = "/a"\nname = "a:b"', r"sockets\.0\.name: "),
        ('path = "/a"\nname = "pycontainerd.socket"', "name: 'pycontainerd.socket' is that of the first socket"),
        ('path = "/a"\nname = "x"\n[[sockets]]\npath = "/b"\nname = "x"', r"sockets\.1\.name: there are two"),
        ('path = "/run/pycontainerd/a"\ngroup = "daemon"', r"sockets\.0\.path: others could not reach"),
    ],
)
def test_what_a_socket_may_not_say(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match="cannot use settings: .*" + words) as refused:
        read(tmp_path, f"[[sockets]]\n{text}")
    assert refused.value.step == "config"
