"""The commands that control containers: what they ask, print and exit with."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(("command", "route"), [("pause", "pause"), ("unpause", "resume"), ("resume", "resume")])
def test_each_container_is_paused_and_resumed(daemon: Any, pyctr: Any, command: str, route: str) -> None:
    daemon.refuses(f"POST /v1/containers/b/{route}", 409, "conflict", f"cannot {route} container 'b': it is created")
    ended = pyctr(command, "a", "b", "c")
    assert (ended.code, ended.text) == (1, "a\nc\n")
    assert ended.err == f"pyctr: cannot {route} container 'b': it is created\n"
    assert daemon.heard == [f"POST /v1/containers/{one}/{route}" for one in "abc"]
    assert pyctr(command, "a", "--format", "json").json == {"container": "a"}
