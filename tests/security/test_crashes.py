"""A command that was killed half-way: what it left is found, told truly, and can be taken away."""

from pathlib import Path

import pytest

from tests.oci.containers import Container, Containers

STATES = ("state.json", "status")
"""Where the runtimes keep it: the second name is crun's."""


def directory(container: Container) -> Path:
    assert container.runtime.root is not None
    return container.runtime.root / container.id


@pytest.mark.lacks("runc", "sees no container there, and leaves the directory")
def test_an_id_whose_creation_was_killed_at_once_can_be_freed(oci: Containers) -> None:
    keeper = oci.create()
    half = Container(oci.runtime, oci.fresh_id(), oci.bundle, keeper.made)
    directory(half).mkdir()
    (directory(half) / "config.json.new").write_text("{")
    half.delete().ok()
    assert not directory(half).exists()
    assert half.delete().code == 1


@pytest.mark.lacks("crun", "lists the others, but ends with an error")
def test_a_state_that_was_damaged_hides_no_other_container(oci: Containers) -> None:
    box = oci.create()
    broken = directory(box).with_name("broken")
    broken.mkdir()
    for name in STATES:
        (broken / name).write_text("[" * 100_000)
    assert box.id in oci.runtime("list", "--quiet").ok().stdout
    result = oci.runtime("state", "broken")
    assert (result.code, "is damaged" in result.stderr) == (1, oci.runtime.kind == "pyrunc")
    for name in STATES:
        (broken / name).unlink()
    broken.rmdir()


@pytest.mark.lacks("crun", "keeps its state in files of other names")
@pytest.mark.lacks("runc", "same")
def test_a_container_whose_start_was_killed_is_told_to_run(oci: Containers) -> None:
    """What that leaves is put back: a socket where nobody listens, and a state from before."""
    box = oci.create({"process.args": ["/bin/sleep", "1000"]})
    socket, state = directory(box) / "start.sock", (directory(box) / "state.json").read_bytes()
    assert [box.status(), box.status(), box.status()] == ["created"] * 3
    (directory(box) / "kept").hardlink_to(socket)
    box.start()
    (directory(box) / "state.json").write_bytes(state)
    assert box.status() == "running"
    (directory(box) / "kept").rename(socket)
    assert box.status() == "running"
    assert "it is running" in oci.runtime("start", box.id).stderr
    assert "it is running" in box.delete().stderr
