"""The Kubernetes Status object that ends an attachment, read leniently: it is an outer format that may grow."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from containerd_py.light.dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """exit_code: the payload's, None where it is not told; failure: the daemon's own words when following failed."""

    exit_code: int | None
    failure: str | None = None


class _Cause(BaseModel):
    reason: str = ""
    message: str = ""


class _Details(BaseModel):
    causes: list[_Cause] = []


class _KubernetesStatus(BaseModel):
    status: str
    reason: str = ""
    message: str = ""
    details: _Details | None = None


def parse_status(data: bytes) -> Status:
    """Return what a Status says; one that cannot be read is a failure, never a success."""
    try:
        status = _KubernetesStatus.model_validate_json(data)
    except ValidationError:
        return Status(None, "the daemon sent an unreadable status")
    if status.status == "Success":
        return Status(0)
    if status.reason == "NonZeroExitCode":
        return _non_zero(status)
    return Status(None, status.message or status.reason or "no reason given")


def _non_zero(status: _KubernetesStatus) -> Status:
    for cause in status.details.causes if status.details else ():
        if cause.reason == "ExitCode" and cause.message.isdecimal():
            return Status(int(cause.message))
    return Status(None, status.message or "the daemon told no exit code")
