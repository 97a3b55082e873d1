"""Names of scopes and slices, and the cgroups that they have."""

import pytest

from containerd_py.errors import InvalidArgument
from containerd_py.runtime.cgroups.systemd.names import UnitPlace, below, check_slice, parse_place, scope_of, slice_path


@pytest.mark.parametrize(
    ("container_id", "name"),
    [("web", "pycontainerd-web.scope"), ("a.b_c-1", "pycontainerd-a.b_c-1.scope"), ("a+b", "pycontainerd-a\\x2bb.scope")],
)
def test_the_scope_of_a_container(container_id: str, name: str) -> None:
    assert scope_of(container_id, "x.slice") == UnitPlace("x.slice", name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", UnitPlace("system.slice", "pycontainerd-box.scope")),
        ("machine.slice:libpod:abc", UnitPlace("machine.slice", "libpod-abc.scope")),
        (":runc:abc", UnitPlace("system.slice", "runc-abc.scope")),
        ("a-b.slice::abc", UnitPlace("a-b.slice", "-abc.scope")),
        ("-.slice:x:y", UnitPlace("-.slice", "x-y.scope")),
        ("kubepods-pod1_2.slice:cri-containerd:f00", UnitPlace("kubepods-pod1_2.slice", "cri-containerd-f00.scope")),
    ],
)
def test_a_place_as_runc_takes_it(text: str, expected: UnitPlace) -> None:
    assert parse_place(text, "box", default_slice="system.slice") == expected


@pytest.mark.parametrize(
    "text",
    [
        *["/a/b", "a", "a:b", "a:b:c:d", "machine.slice:x:", "machine.slice:x:y.slice", "machine:x:y", "a..b.slice:x:y"],
        *["a/b.slice:x:y", "--a.slice:x:y", "a-.slice:x:y", "machine.slice:x/y:z", "machine.slice:x:é", ".slice:x:y"],
        "machine.slice:x:" + "y" * 255,
    ],
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_place(text, "box", default_slice="system.slice")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("machine.slice", "/machine.slice"),
        ("a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"),
        ("-.slice", ""),
        ("cpu-x.slice", "/_cpu.slice/cpu-x.slice"),
    ],
)
def test_where_a_slice_lies(name: str, path: str) -> None:
    assert slice_path(name) == path


def test_where_a_scope_lies() -> None:
    place = UnitPlace("app.slice", "a-b.scope")
    assert place.path() == "/app.slice/a-b.scope"
    assert place.path("/user.slice/user@7.service") == "/user.slice/user@7.service/app.slice/a-b.scope"
    assert UnitPlace("-.slice", "memory.x.scope").path() == "/_memory.x.scope"


@pytest.mark.parametrize(
    ("slice_name", "expected"),
    [("machine.slice", "machine-me.slice"), ("", "me.slice"), ("-.slice", "me.slice"), ("a-b.slice", "a-b-me.slice")],
)
def test_a_slice_below_another(slice_name: str, expected: str) -> None:
    assert below(slice_name, "me") == expected
    check_slice(expected)
