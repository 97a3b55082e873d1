"""Archives of containers that mean harm to the one who unpacks them."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from containerd_py.cli.places import Landing
from containerd_py.cli.unpacking import Unpacker
from containerd_py.errors import InvalidArgument
from tests.integration.api.tars import member, tar


def unpack(target: Path, data: bytes, *, name: str = "got", keep_owners: bool = False) -> list[str]:
    return Unpacker(Landing(str(target), name), keep_owners=keep_owners).unpack(io.BytesIO(data))


def test_the_first_component_gets_the_name_of_the_landing(tmp_path: Path) -> None:
    data = tar(
        member("etc", type=tarfile.DIRTYPE, mode=0o500, mtime=1_600_000_000),
        member("etc/f", b"1", mode=0o4755, mtime=1_600_000_001),
        member("etc/same", type=tarfile.LNKTYPE, linkname="etc/f"),
        member("etc/s", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("etc/pipe", type=tarfile.FIFOTYPE),
        member("etc/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    )
    assert unpack(tmp_path, data) == ["got/null"]
    got = tmp_path / "got"
    assert {path.name for path in got.iterdir()} == {"f", "same", "s", "pipe"}
    assert (stat.S_IMODE(got.stat().st_mode), got.stat().st_mtime) == (0o500, 1_600_000_000)
    assert (stat.S_IMODE((got / "f").stat().st_mode), (got / "f").stat().st_mtime) == (0o755, 1_600_000_001)
    assert (got / "same").samefile(got / "f")
    assert (got / "s").is_symlink()


def test_without_a_name_the_content_lands(tmp_path: Path) -> None:
    data = tar(member(".", type=tarfile.DIRTYPE), member("./d", type=tarfile.DIRTYPE), member("./d/f", b"1"))
    unpack(tmp_path, data, name="")
    assert (tmp_path / "d/f").read_bytes() == b"1"


def test_owners_are_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    unpack(tmp_path, tar(member("f", b"1", uid=7, gid=8, mode=0o4755)), keep_owners=True)
    found = (tmp_path / "got").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (7, 8, 0o4755)


@pytest.mark.parametrize(
    "members",
    [
        (member("x/../../out/f", b"1"),),
        (member("x", type=tarfile.DIRTYPE), member("x/s", type=tarfile.SYMTYPE, linkname="/OUT"), member("x/s/f", b"1")),
        (member("x", type=tarfile.SYMTYPE, linkname="/OUT"), member("x/f", b"1")),
        (member("x", type=tarfile.SYMTYPE, linkname="../out"), member("x", type=tarfile.DIRTYPE, mode=0o777)),
        (
            member("x", type=tarfile.DIRTYPE),
            member("x/s", type=tarfile.SYMTYPE, linkname="/OUT"),
            member("x/l", type=tarfile.LNKTYPE, linkname="x/s/sentinel"),
        ),
    ],
    ids=["a way up", "through a symlink", "through the first", "a directory over a symlink", "a hard link"],
)
def test_nothing_gets_out(tmp_path: Path, members: tuple[tuple[tarfile.TarInfo, bytes], ...]) -> None:
    out, target = tmp_path / "out", tmp_path / "target"
    out.mkdir(mode=0o700)
    target.mkdir()
    (out / "sentinel").write_text("untouched")
    for info, _data in members:
        info.linkname = info.linkname.replace("/OUT", str(out))
    with pytest.raises(InvalidArgument):
        unpack(target, tar(*members))
    assert os.listdir(out) == ["sentinel"]
    assert (out / "sentinel").stat().st_nlink == 1
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert not list(target.rglob(".pyctr-*"))


def test_what_is_there_is_replaced_and_directories_are_not(tmp_path: Path) -> None:
    (tmp_path / "got").symlink_to("elsewhere")
    unpack(tmp_path, tar(member("f", b"1")))
    assert (tmp_path / "got").read_bytes() == b"1"
    (tmp_path / "got").unlink()
    (tmp_path / "got").mkdir()
    with pytest.raises(InvalidArgument, match=r"got.*directory"):
        unpack(tmp_path, tar(member("f", b"1")))
