"""What maps ids for an ordinary user is a program of the host's."""

from pathlib import Path

import pytest

from containerd_py.errors import Unavailable
from containerd_py.runtime import userns
from containerd_py.runtime.plan.plan import IdRange


def test_a_mapper_that_does_not_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "newuidmap").write_text("#!/bin/sh\nexec /bin/sleep 1000\n")
    (tmp_path / "newuidmap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(userns, "_MAPPER_S", 0.1)
    with pytest.raises(Unavailable, match="newuidmap did not end"):
        userns._map_by_program("newuidmap", 1, (IdRange(0, 0, 1),), "linux.uidMappings")
