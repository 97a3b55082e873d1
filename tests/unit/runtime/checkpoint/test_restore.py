"""What is looked at before a restore makes anything."""

from pathlib import Path

import pytest

from containerd_py.errors import InvalidArgument, Unavailable
from containerd_py.runtime.beginning import Beginning
from containerd_py.runtime.checkpoint import restore
from containerd_py.runtime.checkpoint.options import RestoreOptions
from containerd_py.runtime.creation import Attachments
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.state import StateDirectory
from containerd_py.runtime.streams import OWN_STREAMS


def restoration(place: Path, annotations: dict[str, str]) -> restore.Restoration:
    spec = parse({"root": {"path": "rootfs"}, "process": {"args": ["x"]}, "annotations": annotations})
    directory, options = StateDirectory(str(place / "root"), "box"), RestoreOptions(image_path=str(place))
    return restore.Restoration(directory, "box", spec, str(place), Attachments(OWN_STREAMS, None, 0), options, Beginning())


def test_code_that_others_may_change_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> None:
        raise Unavailable("could be changed by others")

    monkeypatch.setattr(restore, "check_code", found)
    with pytest.raises(Unavailable, match="could be changed"):
        restoration(tmp_path, {})


def test_a_configuration_file_that_an_image_may_have_brought(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"annotations\.org\.criu\.config"):
        restoration(tmp_path, {"org.criu.config": "/srv/my.conf"})
