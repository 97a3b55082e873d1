"""The states of containers, as JSON and as a table."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from containerd_py.cli.oci.containers import Snapshot

_HEADERS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")
_NARROWEST = 12
_GAP = 3


def document(state: Snapshot, *, owner: bool = True) -> dict[str, Any]:
    """Return the state as runtime.md has it ("State"), with what runc adds; it names the owner in lists only."""
    from containerd_py.runtime.spec.version import OCI_VERSION

    return {
        "ociVersion": OCI_VERSION,
        "id": state.id,
        "pid": 0 if state.status == "stopped" else state.pid,
        "status": state.status,
        "bundle": state.bundle,
        "rootfs": state.rootfs,
        "created": state.created,
        **({"annotations": dict(state.annotations)} if state.annotations else {}),
        "owner": _owner(state.owner) if owner else "",
    }


def table(states: Iterable[Snapshot]) -> str:
    """Return runc's table: columns of 12 characters at least, and three blanks between them."""
    rows = [_HEADERS, *(_row(state) for state in states)]
    widths = [max(_NARROWEST, *(len(row[i]) + _GAP for row in rows)) for i in range(len(_HEADERS) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) + row[-1] + "\n" for row in rows
    )


def _row(state: Snapshot) -> tuple[str, ...]:
    from containerd_py.cli.output import printable

    pid = 0 if state.status == "stopped" else state.pid
    return state.id, str(pid), state.status, printable(state.bundle), state.created, _owner(state.owner)


def _owner(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
