"""What becomes of what was made when a creation fails."""

import contextlib
from pathlib import Path
from typing import ClassVar

import pytest

from containerd_py.errors import InvalidArgument, NotFound, Unavailable
from containerd_py.runtime.cgroups.cgroup import Cgroup
from containerd_py.runtime.creation import Attachments, Creation, Made
from containerd_py.runtime.launcher import Worker
from containerd_py.runtime.membership import Membership
from containerd_py.runtime.plan.operations import AwaitMembership
from containerd_py.runtime.spec.models import Spec, parse
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


class _InPlace:
    """A membership of a cgroup that nobody makes."""

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup

    def check(self) -> None:
        """There is nothing to refuse."""

    def intended(self) -> Cgroup:
        return self._cgroup

    def make(self) -> Cgroup:
        return self._cgroup

    def entered(self, _cgroup: Cgroup) -> Cgroup:
        return Cgroup(None, ())

    def begin(self, worker: Worker) -> None:
        """No worker comes that far."""

    def wait(self, cgroup: Cgroup, pid: int) -> Cgroup:
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to close."""


class _Launching(Creation):
    """Comes as far as its launch, and notes the outline that is there by then: its parents, and whether it is a scope's."""

    def __init__(self, cgroup: Cgroup, root: Path, spec: Spec) -> None:
        self._cgroup = cgroup
        self.recorded: list[tuple[tuple[str, ...], bool]] = []
        directory = StateDirectory(str(root / "root"), "box")
        super().__init__(directory, "box", spec, str(root), Attachments(OWN_STREAMS, None, 0))

    def _choose(self, *, systemd_cgroup: bool) -> Membership:
        assert not systemd_cgroup
        return _InPlace(self._cgroup)

    def _begin(self, _cgroup: Cgroup) -> None:
        """It needs no worker."""

    def _launch(self, *_given: object) -> Worker:
        with contextlib.suppress(NotFound):
            outline = self._directory.plan()
            self.recorded.append((outline.parents, AwaitMembership.__name__ in outline.kinds))
        raise InvalidArgument("cannot launch")


@pytest.mark.parametrize(
    ("cgroup", "asked", "early"),
    [
        (Cgroup(None, ("/none/slice/box.scope",), scope="box.scope"), "slice:none:box", True),
        (Cgroup(None, ("/none/above/box",), ("/none/above",)), "/above/box", True),
        (Cgroup(None, ("/none/above/box",)), "/above/box", False),
        (Cgroup(None, ("/none/ours/box",), ("/none/ours",)), None, False),
    ],
    ids=["a scope", "with parents", "asked for", "ours"],
)
def test_the_outline_is_there_before_what_is_found_by_it_alone(
    tmp_path: Path, cgroup: Cgroup, asked: str | None, *, early: bool
) -> None:
    (tmp_path / "rootfs").mkdir()
    document = {"root": {"path": "rootfs"}, "process": {"args": ["x"]}, "linux": {"cgroupsPath": asked} if asked else {}}
    launching = _Launching(cgroup, tmp_path, parse(document))
    with pytest.raises(InvalidArgument, match="cannot launch"):
        launching.run()
    assert launching.recorded == ([(cgroup.parents, bool(cgroup.scope))] if early else [])
