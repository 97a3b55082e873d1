"""Bodies of create, exec and update: the first byte says of which."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from containerd_py import strict_json
from containerd_py.api import requests
from containerd_py.engine.forms import read_create_request
from containerd_py.errors import InvalidArgument
from containerd_py.wire import ExecSpec, UpdateRequest

if TYPE_CHECKING:
    from pathlib import Path


def check(data: bytes, _folder: Path) -> None:
    with suppress(InvalidArgument):
        value = strict_json.loads(data[1:], what="request")
        assert strict_json.loads(json.dumps(value).encode(), what="again") == value
        if not isinstance(value, dict):
            return
        if data[0] == ord("c"):
            read_create_request(value, what="request", example="")
        else:
            requests._as_model(value, ExecSpec if data[0] == ord("e") else UpdateRequest)
