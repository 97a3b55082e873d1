"""The session keyring of a container (keyrings(7)): its own, shared by what is executed in it; or the caller's."""

from pathlib import Path
from typing import Any

import pytest

from tests.oci.bundle import KINDS
from tests.oci.containers import Container, Containers

_OWNER_SEARCHES = "3f1b0000"
_MAPPED: dict[str, Any] = {
    "linux.namespaces": [{"type": kind} for kind in (*KINDS, "user")],
    "linux.uidMappings": [{"containerID": 0, "hostID": 0, "size": 65_536}],
    "linux.gidMappings": [{"containerID": 0, "hostID": 0, "size": 65_536}],
}

pytestmark = pytest.mark.skipif(not Path("/proc/keys").exists(), reason="needs a kernel with keys")


def keyrings(container: Container) -> list[str]:
    """Return the permissions of those that have the container's name."""
    lines = [line.split() for line in Path("/proc/keys").read_text().splitlines()]
    return [words[4] for words in lines if words[8] == f"_ses.{container.id}:"]


@pytest.mark.lacks("crun", "has other names for keyrings")
@pytest.mark.lacks("runc", "lets others find the keyring in a user namespace, not its owner", some=True)
@pytest.mark.parametrize("changes", [{}, _MAPPED], ids=["host", "user namespace"])
def test_what_is_executed_is_in_the_keyring_of_the_container(oci: Containers, changes: dict[str, Any]) -> None:
    box = oci.start(changes)
    assert keyrings(box) == [_OWNER_SEARCHES]
    box.exec("--detach", "--", "/bin/sleep", "1000").ok()
    assert keyrings(box) == [_OWNER_SEARCHES]


def test_the_payload_may_have_the_callers(oci: Containers) -> None:
    box = oci.start({}, "--no-new-keyring")
    box.exec("--detach", "--", "/bin/sleep", "1000").ok()
    assert keyrings(box) == []
