"""The three forms of a request, and bundles that are not what they should be."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from containerd_py.engine.documents import document
from containerd_py.errors import ContainerdError, InvalidArgument, NotSupported
from containerd_py.runtime.spec.models import Spec
from containerd_py.wire import BundleSpec, ContainerSpec, OciSpec

SMALL: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "rootfs"},
    "process": {"args": ["/bin/true"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
}
LARGEST = 10 << 20


def with_root(path: str) -> dict[str, Any]:
    return SMALL | {"root": {"path": path}}


async def of_oci(value: dict[str, Any]) -> Spec:
    return await document(OciSpec(oci=value), "id", device_rules=False)


async def of_bundle(bundle: Path | str) -> Spec:
    return await document(BundleSpec(bundle=str(bundle)), "id", device_rules=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(SMALL))
    return tmp_path


# ── the forms ──


async def test_a_friendly_spec_is_lowered() -> None:
    request = ContainerSpec(rootfs="/srv/root", args=("/bin/true",))
    spec = await document(request, "abc", device_rules=True)
    assert (spec.root.path, spec.hostname) == ("/srv/root", "abc")
    assert spec.linux.resources is not None
    assert [rule.allow for rule in spec.linux.resources.devices] == [False]


async def test_an_oci_document_is_taken_as_it_is() -> None:
    spec = await of_oci(with_root("/srv/root"))
    assert spec.document() == with_root("/srv/root")


async def test_a_bundles_document_is_read_and_its_root_lies_in_the_bundle(bundle: Path) -> None:
    spec = await of_bundle(bundle)
    assert spec.document() == with_root(f"{bundle}/rootfs")


@pytest.mark.parametrize(
    ("path", "expected"),
    [("rootfs", "/rootfs"), ("./rootfs/", "/rootfs"), ("a/../b", "/b"), (".", ""), ("/srv/r", "=/srv/r")],
)
async def test_the_root_of_a_bundle(bundle: Path, path: str, expected: str) -> None:
    (bundle / "config.json").write_text(json.dumps(with_root(path)))
    spec = await of_bundle(f"{bundle}/")
    assert spec.root.path == (expected[1:] if expected.startswith("=") else f"{bundle}{expected}")


async def test_an_empty_root_is_refused_and_is_not_the_bundle_itself(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps(with_root("")))
    with pytest.raises(InvalidArgument, match=r"root\.path: is empty"):
        await of_bundle(bundle)
    with pytest.raises(InvalidArgument, match=r"root\.path: is empty"):
        await of_oci(with_root(""))


@pytest.mark.parametrize("path", ["rootfs", "./x", ".", "../x"])
async def test_an_oci_document_needs_an_absolute_root(path: str) -> None:
    with pytest.raises(InvalidArgument, match=r"needs an absolute root\.path") as refused:
        await of_oci(with_root(path))
    assert (refused.value.step, bool(refused.value.hint)) == ("rootfs", True)


@pytest.mark.parametrize("path", ["/", "//", "/.", "/..", "/a/..", "/./../"])
async def test_the_hosts_own_root_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match="host's own root"):
        await of_oci(with_root(path))


async def test_a_bundle_that_leads_to_the_hosts_root_is_refused(bundle: Path) -> None:
    (bundle / "config.json").write_text(json.dumps(with_root("../" * 20)))
    with pytest.raises(InvalidArgument, match="host's own root"):
        await of_bundle(bundle)


async def test_a_friendly_spec_on_the_hosts_root_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="host's own root"):
        await document(ContainerSpec(rootfs="/", args=("/bin/true",)), "abc", device_rules=False)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"surprise": 1}, InvalidArgument),
        ({"process": None}, InvalidArgument),
        ({"linux": {"namespaces": [{"type": "pid"}]}}, InvalidArgument),
        ({"windows": {"a": 1}}, NotSupported),
    ],
)
async def test_every_form_is_validated(bundle: Path, changes: dict[str, Any], kind: type[ContainerdError]) -> None:
    with pytest.raises(kind):
        await of_oci(with_root("/srv/root") | changes)
    (bundle / "config.json").write_text(json.dumps(SMALL | changes))
    with pytest.raises(kind):
        await of_bundle(bundle)


# ── bundles ──


async def test_a_missing_bundle_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"cannot read bundle '.*/none'") as refused:
        await of_bundle(tmp_path / "none")
    assert (refused.value.step, refused.value.errno, bool(refused.value.hint)) == ("bundle", "ENOENT", True)


async def test_a_bundle_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument) as refused:
        await of_bundle(tmp_path / "file")
    assert refused.value.errno == "ENOTDIR"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1, "a": 2}', "\x00", '{"ociVersion": NaN}'])
async def test_what_is_no_document_is_told(bundle: Path, text: str) -> None:
    (bundle / "config.json").write_text(text)
    with pytest.raises(InvalidArgument):
        await of_bundle(bundle)


async def test_a_fifo_does_not_hang(bundle: Path) -> None:
    os.unlink(bundle / "config.json")
    os.mkfifo(bundle / "config.json")
    with pytest.raises(InvalidArgument):
        await of_bundle(bundle)


async def test_a_fifo_with_a_silent_writer_does_not_hang_either(bundle: Path) -> None:
    os.unlink(bundle / "config.json")
    os.mkfifo(bundle / "config.json")
    writer = os.open(bundle / "config.json", os.O_RDWR | os.O_CLOEXEC)
    try:
        with pytest.raises(InvalidArgument):
            await of_bundle(bundle)
    finally:
        os.close(writer)


async def test_a_directory_in_its_place_leaks_nothing(bundle: Path) -> None:
    os.unlink(bundle / "config.json")
    os.mkdir(bundle / "config.json")
    with pytest.raises(InvalidArgument):  # the descriptor is missed by `settled`
        await of_bundle(bundle)


async def test_the_largest_document_is_read_and_no_larger_one(bundle: Path) -> None:
    text = json.dumps(SMALL)
    (bundle / "config.json").write_text(text + " " * (LARGEST - len(text)))
    await of_bundle(bundle)
    (bundle / "config.json").write_text(text + " " * (LARGEST - len(text) + 1))
    with pytest.raises(InvalidArgument, match="larger than 10 MiB"):
        await of_bundle(bundle)


async def test_a_device_is_refused(bundle: Path) -> None:
    os.unlink(bundle / "config.json")
    os.symlink("/dev/zero", bundle / "config.json")
    with pytest.raises(InvalidArgument, match="no regular file"):
        await of_bundle(bundle)
