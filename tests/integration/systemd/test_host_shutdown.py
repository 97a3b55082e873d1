"""A host that shuts down: containers are stopped before anything that they need is, and in order."""

from pathlib import Path

import pytest

from tests.integration.systemd.guests import GUESTS, HYBRID, Guest

GUEST_S = 150
SCRIPT = """
set -eu
dpkg --install --no-triggers --force-unsafe-io /out/*.deb >/out/install.log 2>&1
mkdir -p $TMPDIR/rootfs/bin $TMPDIR/rootfs/out
cp /usr/bin/busybox $TMPDIR/rootfs/bin/
run() { # NAME SIGNAL OPTION...
    name=$1 signal=$2
    shift 2
    /usr/bin/pyctr run -d --name "$name" --rootfs $TMPDIR/rootfs -v /out:/out "$@" /bin/busybox sh -c "
        trap 'echo $name $signal >>/out/ended; exit 0' $signal
        echo $name >>/out/up
        while :; do busybox sleep 0.05; done" >/dev/null
}
run first TERM --restart always --durable
run second INT --stop-signal SIGINT
run third TERM
# It does not heed its signal: it is killed after its patience.
run stubborn HUP --stop-timeout 1
until [ "$(wc -l </out/up)" = 4 ]; do sleep 0.05; done
systemctl poweroff --no-block
sleep 60
"""


@pytest.mark.timeout(GUEST_S + 60)
@pytest.mark.parametrize("guest", [guest for guest in GUESTS if guest is not HYBRID], ids=lambda guest: guest.name)
def test_containers_are_stopped_the_newest_first(guest: Guest, package: Path, tmp_path: Path) -> None:
    guest.require()
    (tmp_path / package.name).hardlink_to(package)
    done = guest.run("bash", "-c", SCRIPT, out=tmp_path, timeout_s=GUEST_S)
    told = f"{done.returncode} {done.stdout}\n{done.stderr}\n{(tmp_path / 'install.log').read_text()}"
    assert done.returncode == 125, told  # it went down before its command ended, and in time
    assert (tmp_path / "ended").read_text().splitlines() == ["third TERM", "second INT", "first TERM"], told
