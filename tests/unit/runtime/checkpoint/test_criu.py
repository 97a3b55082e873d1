"""CRIU as a program: found, asked for its version and features, heard."""

import os
from pathlib import Path

import pytest

from containerd_py.errors import NotSupported
from containerd_py.runtime.checkpoint import criu
from containerd_py.runtime.checkpoint.criu import Criu, Lost, check_features, checked, find_criu, is_usable
from containerd_py.runtime.checkpoint.messages import Answer, Features, Kind, Options, Request
from tests.unit.runtime.checkpoint.protocol import NO_FEATURES, OLD, answer, fake_criu, moment

ASKED = Request(kind=Kind.DUMP, options=Options(images_dir_fd=3))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only the fake is found, and an administrator's PATH has none."""
    monkeypatch.setenv("PATH", f"relative::{tmp_path}")
    monkeypatch.setattr(criu, "_USUAL", str(tmp_path))


def test_there_is_none() -> None:
    with pytest.raises(NotSupported, match="there is no program criu in PATH") as refused:
        find_criu()
    assert "install CRIU" in str(refused.value.hint)
    assert not is_usable()


def test_it_is_found_and_will_do(tmp_path: Path) -> None:
    program = fake_criu(tmp_path)
    assert checked(find_criu()) == str(program)
    assert is_usable()


def test_it_may_have_another_name_and_place(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    program = fake_criu(tmp_path / "elsewhere")
    named = program.rename(tmp_path / "criu-4")
    assert find_criu("criu-4") == find_criu(str(named)) == str(named)
    with pytest.raises(NotSupported, match=f"there is no program {program}$"):
        find_criu(str(program))
    named.chmod(0o777)
    with pytest.raises(NotSupported, match="could be changed by others"):
        find_criu(str(named))


def test_it_is_too_old(tmp_path: Path) -> None:
    fake_criu(tmp_path, version=OLD)
    with pytest.raises(NotSupported, match=r"it is version 3\.11\.0, too old"):
        checked(find_criu())


def test_one_that_others_could_change_is_not_run(tmp_path: Path) -> None:
    fake_criu(tmp_path).chmod(0o775)
    with pytest.raises(NotSupported, match="could be changed by others"):
        find_criu()


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 3\n", "#!/nowhere\n", "#!/bin/sh\nkill -9 $$\n"])
def test_it_does_not_work(tmp_path: Path, text: str) -> None:
    program = fake_criu(tmp_path)
    program.write_text(text)
    with pytest.raises(NotSupported, match=r"cannot ask CRIU|cannot execute CRIU"):
        checked(find_criu())


def test_what_the_kernel_lacks_is_named(tmp_path: Path) -> None:
    program = str(fake_criu(tmp_path, features=NO_FEATURES))
    with pytest.raises(NotSupported, match="--pre-dump"):
        check_features(program, Features(mem_track=True))
    with pytest.raises(NotSupported, match="--lazy-pages"):
        check_features(program, Features(lazy_pages=True))
    check_features(program, Features())
    check_features(str(fake_criu(tmp_path)), Features(mem_track=True, lazy_pages=True))


def test_moments_are_heard_and_answered(tmp_path: Path) -> None:
    program = fake_criu(tmp_path, then=(moment("pre-dump"), moment("post-dump"), answer(1)))
    heard: list[str] = []

    def hear(told: Answer, fds: list[int]) -> None:
        assert not fds
        heard.append(told.notification)

    with Criu([str(program), "swrk"]) as process:
        assert process.ask(ASKED, hear).success
    assert heard == ["pre-dump", "post-dump"]


def test_it_ends_in_the_middle(tmp_path: Path) -> None:
    program = fake_criu(tmp_path, then=(moment("pre-dump"),))
    with Criu([str(program), "swrk"]) as process, pytest.raises(Lost, match="without a word: exit code 0"):
        process.ask(ASKED)


def test_it_says_what_is_no_answer(tmp_path: Path) -> None:
    program = fake_criu(tmp_path, then=(b"\xff\xff\xff",))
    with Criu([str(program), "swrk"]) as process, pytest.raises(Lost, match="not an answer"):
        process.ask(ASKED)


def test_its_surroundings_are_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("CRIU_CONFIG_FILE", "/x")
    program = fake_criu(tmp_path, then=(answer(1),))
    program.write_text(program.read_text().replace("talk =", f"__import__('os').system('env > {tmp_path}/env'); talk =", 1))
    with Criu([str(program), "swrk"]) as process:
        process.ask(ASKED)
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names <= {"PATH", "HOME", "PWD", "SHLVL", "_", "OLDPWD", "LC_CTYPE"}
    assert os.environ["CRIU_CONFIG_FILE"] == "/x"
