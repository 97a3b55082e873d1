"""A command that was killed half-way: what it left is found, told truly, and can be taken away."""

from pathlib import Path

from tests.oci.containers import Container, Containers


def directory(container: Container) -> Path:
    assert container.runtime.root is not None
    return container.runtime.root / container.id


def test_an_id_whose_creation_was_killed_at_once_can_be_freed(oci: Containers) -> None:
    keeper = oci.create()
    half = Container(oci.runtime, oci.fresh_id(), oci.bundle, keeper.made)
    directory(half).mkdir()
    (directory(half) / "config.json.new").write_text("{")
    half.delete().ok()
    assert not directory(half).exists()
    assert half.delete().code == 1


def test_a_state_that_was_damaged_hides_no_other_container(oci: Containers) -> None:
    box = oci.create()
    broken = directory(box).with_name("broken")
    broken.mkdir()
    (broken / "state.json").write_text("[" * 100_000)
    assert box.id in oci.runtime("list", "--quiet").ok().stdout
    result = oci.runtime("state", "broken")
    assert (result.code, "is damaged" in result.stderr) == (1, True)
    (broken / "state.json").unlink()
    broken.rmdir()
