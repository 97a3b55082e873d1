"""Documents that were read are kept while they are the container's, and only so many."""

from types import SimpleNamespace
from typing import cast

from containerd_py.engine.containers import Container
from containerd_py.engine.filters import filter_of
from containerd_py.engine.parsed import ParsedDocuments
from containerd_py.runtime.seccomp.compile import default_filter
from containerd_py.runtime.spec.linux import Seccomp
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.seccomp_profile import default_profile


def container(name: str, hostname: str = "") -> Container:
    config = {"ociVersion": "1.2.0", "root": {"path": "/r"}, "hostname": hostname, "process": {"cwd": "/", "args": ["/a"]}}
    return cast("Container", SimpleNamespace(id=name, config=config))


def test_a_document_is_read_once_until_it_is_changed() -> None:
    read, one = ParsedDocuments(), container("a", "old")
    assert read.of(one) is read.of(one)
    one.config = {**one.config, "hostname": "new"}
    assert read.of(one).hostname == "new"


def test_the_ones_that_were_asked_for_last_are_kept() -> None:
    read, one, two, three = ParsedDocuments(most=2), container("a"), container("b"), container("c")
    first, second = read.of(one), read.of(two)
    assert read.of(one) is first
    read.of(three)
    assert read.of(one) is first
    assert read.of(two) is not second


async def test_the_usual_profile_is_known_when_it_comes_from_a_document() -> None:
    usual = default_profile()
    read = parse({**container("a").config, "linux": {"seccomp": usual.document()}}).linux.seccomp
    assert read is not usual
    assert await filter_of(read) is default_filter()
    assert await filter_of(None) is None


async def test_whether_flags_are_given_makes_another_filter() -> None:
    usual = default_profile().document()
    with_flags = Seccomp.parse({**usual, "flags": []}, what="the profile")
    without = Seccomp.parse({key: value for key, value in usual.items() if key != "flags"}, what="the profile")
    told, usual_flags = await filter_of(with_flags), await filter_of(without)
    assert told is not None
    assert usual_flags is not None
    assert told.flags != usual_flags.flags
