"""What the kernel tells of overlays."""

import pytest

from containerd_py.engine.layers import Overlay, overlay_on

LINE = "601 29 0:77 {root} {place} rw,relatime shared:1 - {kind} overlay rw,{options}\n"
PLAIN = "lowerdir=/l1:/l2,upperdir=/u,workdir=/w"


def line(place: str = "/merged", *, options: str = PLAIN, kind: str = "overlay", root: str = "/") -> str:
    return LINE.format(root=root, place=place, kind=kind, options=options)


@pytest.mark.parametrize(
    ("options", "overlay"),
    [
        (PLAIN, Overlay("/u", ("/l1", "/l2"), "trusted")),
        ("lowerdir=/l1,userxattr,upperdir=/u", Overlay("/u", ("/l1",), "user")),
        ("lowerdir+=/a,lowerdir+=/b:c,upperdir=/u", Overlay("/u", ("/a", "/b:c"), "trusted")),
        (r"lowerdir=/a\134:b:/c\040d\054e,upperdir=/u\040v", Overlay("/u v", ("/a:b", "/c d,e"), "trusted")),
        ("lowerdir=/a:/b::/data1::/data2,upperdir=/u", Overlay("/u", ("/a", "/b"), "trusted")),
        ("lowerdir=/a:/b", Overlay(None, ("/a", "/b"), "trusted")),
    ],
)
def test_the_layers_of_an_overlay(options: str, overlay: Overlay) -> None:
    assert overlay_on(line("/other") + line(options=options) + line("/merged/below", kind="proc"), "/merged") == overlay


def test_a_place_with_blanks() -> None:
    assert overlay_on(line(r"/with\040blank"), "/with blank") is not None


@pytest.mark.parametrize(
    "mountinfo",
    ["", line("/merged/below"), line(kind="tmpfs"), line(root="/part"), line() + line(kind="tmpfs")],
)
def test_what_is_no_overlay(mountinfo: str) -> None:
    assert overlay_on(mountinfo, "/merged") is None


def test_the_last_one_hides_the_others() -> None:
    found = overlay_on(line(kind="tmpfs") + line(options="lowerdir=/x,upperdir=/y"), "/merged")
    assert found == Overlay("/y", ("/x",), "trusted")
