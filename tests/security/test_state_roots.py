"""State roots in places where other users of the host can write."""

import os
from pathlib import Path

import pytest

from tests.oci.containers import Containers

STRANGER = 65_534


def give(place: Path) -> None:
    for found in (place, *place.rglob("*")):
        os.chown(found, STRANGER, STRANGER, follow_symlinks=False)


@pytest.mark.lacks("crun", "believes it")
@pytest.mark.lacks("runc", "believes it")
def test_a_container_that_a_stranger_made_up_is_not_believed(oci: Containers, place: Path) -> None:
    """Its hooks would be run by root."""
    proof = place / "proof"
    hook = {"path": "/bin/touch", "args": ["touch", str(proof)]}
    box = oci.create({"hooks": {"poststop": [hook]}})
    root = oci.runtime.root
    assert root is not None
    give(root / box.id)
    refusal = box.delete("--force")
    assert (refusal.code, "belongs to user 65534" in refusal.stderr, proof.exists()) == (1, True, False)
    os.chown(root / box.id, 0, 0)
    give(root)
    assert box.id not in oci.runtime("list", "--quiet").stdout
    for found in (root, *root.rglob("*")):
        os.chown(found, 0, 0)
    box.delete("--force").ok()
    assert proof.exists()


@pytest.mark.lacks("crun", "uses another place for it")
@pytest.mark.lacks("runc", "uses another place for it")
def test_a_directory_for_readiness_that_a_stranger_made_is_not_used(oci: Containers, place: Path) -> None:
    (place / "state.notify").mkdir()
    give(place / "state.notify")
    told = oci.refused({}, before=f"export NOTIFY_SOCKET={place}/caller")
    assert "belongs to user 65534" in told
