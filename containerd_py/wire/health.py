"""Health checks: how one is asked for, and what it has found."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from containerd_py.wire.common import Text, Wire

HealthStatus = Literal["starting", "healthy", "unhealthy"]
HealthAction = Literal["none", "kill", "restart", "stop"]
"""What is done once a container is unhealthy. "kill": its restart policy goes on; "stop": as if somebody had asked."""


def _numeric(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address") from None
    if "%" in value:
        raise ValueError("must have no zone")
    return value


Address = Annotated[str, StringConstraints(max_length=64), AfterValidator(_numeric)]
"""An IPv4 or IPv6 address; no name: nobody would look it up."""

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=2048)]
"""The path of a URL with its query, percent-encoded where it is not ASCII."""


class TcpCheck(Wire):
    """Well where it takes a connection. host: an address, seen from within the container."""

    port: Annotated[int, Field(ge=1, le=65535)]
    host: Address = "127.0.0.1"


class HttpCheck(Wire):
    """Well where it answers a GET with a status from 200 to 399; redirections are not followed."""

    port: Annotated[int, Field(ge=1, le=65535)]
    host: Address = "127.0.0.1"
    path: UrlPath = "/"


class HealthSpec(Wire):
    """How it is found out whether a container is well; exactly one of exec, tcp and http."""

    exec: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """A program and its arguments, executed as the payload is; well where it exits with 0."""
    tcp: TcpCheck | None = None
    http: HttpCheck | None = None
    interval_s: Annotated[float, Field(ge=0.1, le=86_400, allow_inf_nan=False)] = 30.0
    timeout_s: Annotated[float, Field(ge=0.1, le=3_600, allow_inf_nan=False)] = 30.0
    retries: Annotated[int, Field(ge=1, le=1_000)] = 3
    """So many failures in a row make it unhealthy."""
    start_period_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    """So long after its start a failure does not count until the first success, and it is looked at each second."""
    on_failure: HealthAction = "none"

    @model_validator(mode="after")
    def _one_kind(self) -> HealthSpec:
        if sum(one is not None for one in (self.exec, self.tcp, self.http)) != 1:
            raise ValueError("exactly one of exec, tcp and http must be given")
        return self


class CheckResult(Wire):
    """One health check. exit_code: 0 for success; of a TCP or HTTP check 1 for failure. output: its beginning."""

    started_at: str
    duration_s: float
    exit_code: int
    output: str


class HealthState(Wire):
    """What the checks of a run have found; of the last run where there is none now."""

    status: HealthStatus
    failing_streak: int
    since: str
    results: Annotated[tuple[CheckResult, ...], Field(strict=False)]
