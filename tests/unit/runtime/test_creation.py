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

        self._undo.callback(self.undone.append, self._id)
        self._undo.callback(busy)
        raise InvalidArgument(f"cannot use {rootfs}")


def test_the_first_error_is_told_and_the_record_of_what_is_left_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "rootfs").mkdir()
    spec = parse({"root": {"path": "rootfs"}, "process": {"args": ["x"]}})
    directory = StateDirectory(str(tmp_path / "root"), "box")
    failing = _Failing(directory, "box", spec, str(tmp_path), Attachments(OWN_STREAMS, None, 0))
    with pytest.raises(InvalidArgument, match="cannot use"):
        failing.run()
    assert failing.undone == ["box"]
    assert (tmp_path / "root/box").is_dir()
    assert caplog.messages == ["cannot remove the cgroup; delete container 'box', of which that is left"]
