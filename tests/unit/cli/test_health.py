"""`--health-cmd` and its like."""

from typing import Any

import pytest

from containerd_py.cli.requests import build_request
from containerd_py.cli.spec_options import HealthActionChoice, SpecOptions
from containerd_py.errors import InvalidArgument
from containerd_py.wire import HealthSpec


def built(**options: Any) -> HealthSpec | None:
    return build_request(SpecOptions(rootfs="/r", args=["x"], **options), {}).health


def test_no_option_asks_for_nothing() -> None:
    assert built() is None


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({"health_cmd": "test -e /x"}, {"exec": ["/bin/sh", "-c", "test -e /x"]}),
        ({"health_cmd": '["/bin/test", "-e", "/x"]'}, {"exec": ["/bin/test", "-e", "/x"]}),
        ({"health_cmd": "[ -e /x ]"}, {"exec": ["/bin/sh", "-c", "[ -e /x ]"]}),
        ({"health_tcp": "8080"}, {"tcp": {"port": 8080}}),
        ({"health_tcp": "10.0.0.1:80"}, {"tcp": {"port": 80, "host": "10.0.0.1"}}),
        ({"health_tcp": "[::1]:80"}, {"tcp": {"port": 80, "host": "::1"}}),
        ({"health_http": "80"}, {"http": {"port": 80}}),
        ({"health_http": "80/a?b=c"}, {"http": {"port": 80, "path": "/a?b=c"}}),
        ({"health_http": "127.0.0.2:80/"}, {"http": {"port": 80, "host": "127.0.0.2", "path": "/"}}),
        (
            {
                "health_tcp": "1",
                "health_interval": "1m30s",
                "health_timeout": "500ms",
                "health_retries": 2,
                "health_start_period": "2.5",
                "health_on_failure": HealthActionChoice.RESTART,
            },
            {
                "tcp": {"port": 1},
                "interval_s": 90.0,
                "timeout_s": 0.5,
                "retries": 2,
                "start_period_s": 2.5,
                "on_failure": "restart",
            },
        ),
    ],
    ids=str,
)
def test_options_become_a_check(options: dict[str, Any], asked: dict[str, Any]) -> None:
    assert built(**options) == HealthSpec.model_validate(asked)


def test_a_bundle_can_be_checked_too() -> None:
    request = build_request(SpecOptions(bundle="/b", health_tcp="80"), {})
    assert request.health == HealthSpec.model_validate({"tcp": {"port": 80}})


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"health_interval": "3s"}, "one of --health-cmd, --health-tcp and --health-http is needed, not none of them"),
        ({"health_cmd": "a", "health_tcp": "1"}, "not --health-cmd and --health-tcp"),
        ({"health_cmd": "[1]"}, "--health-cmd '[1]' is no list of strings"),
        ({"health_tcp": "http"}, "--health-tcp 'http' is no port"),
        ({"health_tcp": "80/x"}, "--health-tcp '80/x' is no port"),
        ({"health_tcp": "70000"}, "port 70000"),
        ({"health_http": "localhost:80"}, "host 'localhost'"),
        ({"health_tcp": "1", "health_interval": "soon"}, "--health-interval 'soon' is no time"),
        ({"health_tcp": "1", "health_timeout": ""}, "--health-timeout '' is no time"),
        ({"health_tcp": "1", "health_timeout": "0"}, "--health-timeout 0.0"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_told(options: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        built(**options)
    assert cause in raised.value.message


def test_notification_is_an_option_of_bundles_too() -> None:
    sources: tuple[dict[str, Any], ...] = ({"rootfs": "/r", "args": ["x"]}, {"bundle": "/b"})
    for source in sources:
        request = build_request(SpecOptions(**source, notify=True, watchdog="1m"), {})
        assert (request.notify, request.watchdog_s) == (True, 60.0)
    with pytest.raises(InvalidArgument, match="--watchdog 'soon' is no time"):
        build_request(SpecOptions(bundle="/b", notify=True, watchdog="soon"), {})
