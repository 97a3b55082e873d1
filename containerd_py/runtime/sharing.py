"""Changing a live container's class of service (linux.intelRdt): what `update` does beside limits of the cgroup."""

from __future__ import annotations

import json

from containerd_py.light.dataclasses import replace
from containerd_py.runtime import intel_rdt
from containerd_py.runtime.cgroups import freezer, members
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.validate import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from containerd_py.runtime.intel_rdt import RdtGroup
    from containerd_py.runtime.spec.linux import IntelRdt
    from containerd_py.runtime.state import State, StateDirectory


def share(directory: StateDirectory, state: State, asked: Mapping[str, str], resctrl: str | None) -> None:
    """Do it, for the container whose turn it is. asked: fields of linux.intelRdt; resctrl: where that is mounted."""
    resctrl = intel_rdt.mounted(resctrl)
    before = directory.config()
    given = before.get("linux", {}).get("intelRdt")
    wanted = _with(before, (given or {}) | dict(asked))
    # First: what is made is taken away by whoever deletes the container, and he reads of it there.
    directory.put("config.json", json.dumps(wanted).encode())
    try:
        if given is None:
            group = _made(resctrl, state, _rdt(wanted))
        else:
            group = intel_rdt.group_of(resctrl, state.id, _rdt(wanted))
            intel_rdt.change_share(group, _rdt(_with(before, dict(asked))))
    except BaseException:
        directory.put("config.json", json.dumps(before).encode())
        raise
    directory.write(replace(state, kept=state.kept | {"intel_rdt_path": group.path}))


def _made(resctrl: str, state: State, rdt: IntelRdt) -> RdtGroup:
    """Make a class for a container that has none, and put all its processes into it, which stand still meanwhile."""
    group = intel_rdt.make_group(resctrl, state.id, rdt)
    try:
        with freezer.stopped(state.cgroup):
            for pid in members.pids(state.cgroup) or (state.pid,):
                intel_rdt.join(group, pid)
    except BaseException:
        intel_rdt.remove(group)
        raise
    return group


def _with(document: dict[str, Any], rdt: dict[str, Any]) -> dict[str, Any]:
    """Return the document with another linux.intelRdt. Raises InvalidArgument where that is wrong."""
    made = document | {"linux": document.get("linux", {}) | {"intelRdt": rdt}}
    validate(parse(made))
    return made


def _rdt(document: dict[str, Any]) -> IntelRdt:
    rdt = parse(document).linux.intel_rdt
    assert rdt is not None  # noqa: S101 - `_with` has put it there
    return rdt
