"""Health checks as a person at a terminal asks for them and sees them."""

from pathlib import Path

from tests.integration.cli.test_pyctr import pyctr
from tests.integration.daemon_process import Daemon


async def test_a_health_check_at_a_terminal(daemon: Daemon, rootfs: Path) -> None:
    run = ("run", "-d", "--rootfs", str(rootfs))
    often = ("--health-interval", "100ms", "--health-retries", "1")
    script = ("/bin/sh", "-c", "read a; exit 3")
    web = await pyctr(daemon, *run, "--name", "web", "--health-cmd", "test -e /bin", *often, "/bin/sleep", "1000")
    assert (web.code, web.err) == (0, "")
    waited = await pyctr(daemon, "wait", "--condition", "healthy", "web")
    assert (waited.code, waited.out) == (0, "healthy\n")
    assert "running (healthy)" in (await pyctr(daemon, "ps")).out
    ended = await pyctr(daemon, *run, "--name", "ended", "--health-tcp", "80", *often, *script)
    assert ended.code == 0
    waited = await pyctr(daemon, "wait", "--condition", "healthy", "ended")
    assert (waited.code, waited.out) == (1, "")
    assert "cannot wait for container 'ended' to be healthy: it has ended before, with 3" in waited.err
    unchecked = await pyctr(daemon, *run, "--name", "unchecked", "/bin/sleep", "1000")
    assert unchecked.code == 0
    waited = await pyctr(daemon, "wait", "--condition", "healthy", "unchecked")
    assert (waited.code, "no health check" in waited.err) == (1, True)
    for name in ("web", "ended", "unchecked"):
        assert (await pyctr(daemon, "rm", "-f", name)).code == 0
