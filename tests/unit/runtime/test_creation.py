"""What becomes of what was made when a creation fails."""

from pathlib import Path
from typing import ClassVar

import pytest

from containerd_py.errors import InvalidArgument, Unavailable
from containerd_py.runtime.creation import Attachments, Creation, Made
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.state import StateDirectory
from containerd_py.runtime.streams import OWN_STREAMS


class _Failing(Creation):
    """Fails, and so does a part of what would undo it. A restore is another such class."""

    undone: ClassVar[list[str]] = []

    def _make(self, rootfs: str) -> Made:
        def busy() -> None:
            raise Unavailable("cannot remove the cgroup")

        self._undo.callback(self.undone.append, "what came before")
        self._undo.callback(busy)
        raise InvalidArgument(f"cannot use {rootfs}")


def test_the_first_error_is_raised_the_rest_is_undone_and_what_is_left_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The record stays with it, so that it can be deleted."""
    (tmp_path / "rootfs").mkdir()
    spec = parse({"root": {"path": "rootfs"}, "process": {"args": ["x"]}})
    directory = StateDirectory(str(tmp_path / "root"), "box")
    with pytest.raises(InvalidArgument, match="cannot use"):
        _Failing(directory, "box", spec, str(tmp_path), Attachments(OWN_STREAMS, None, 0)).run()
    assert _Failing.undone == ["what came before"]
    assert "cannot remove the cgroup; delete container 'box'" in caplog.text
    assert (tmp_path / "root/box").exists()
