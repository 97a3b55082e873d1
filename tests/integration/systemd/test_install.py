"""The installed program, from the package and by `make install`: it is whole, and nothing is left when it is removed."""

import sys
from pathlib import Path

import pytest

from tests.integration.systemd.guests import UNIFIED

GUEST_S = 110
_LOOK = """
set -eu
look() { # what an installation may touch
    find /opt /etc /usr/bin /usr/sbin /usr/lib/systemd /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/share/man \\
        /usr/share/bash-completion /usr/share/zsh /usr/share/fish \\
        /var/lib/pycontainerd /run/pycontainerd /sys/fs/cgroup/pycontainerd-* \\
        -not -path '/etc/group*' -not -path '/etc/gshadow*' -not -path '*/__pycache__*' 2>/dev/null | sort
    getent group | sort
}
works() {
    systemctl is-active pycontainerd.socket pycontainerd.service
    mkdir -p $TMPDIR/rootfs/bin && cp /usr/bin/busybox $TMPDIR/rootfs/bin/
    /usr/bin/pyctr run --rm --rootfs $TMPDIR/rootfs /bin/busybox echo it works
    /usr/bin/pyctr run -d --name left --restart always --rootfs $TMPDIR/rootfs /bin/busybox sleep 1000
    /usr/bin/pyrunc --version
    /usr/sbin/pycontainerd --version
    man -P cat -w pyctr pyrunc 8 pycontainerd
    bash -c '. /usr/share/bash-completion/completions/pyctr && complete -p pyctr'
}
look >/out/before
"""
_PACKAGE = f"""{_LOOK}
dpkg --install --no-triggers --force-unsafe-io /out/*.deb
works
before=$(systemctl show -P MainPID pycontainerd)
dpkg --install --no-triggers --force-unsafe-io /out/*.deb
test "$before" != "$(systemctl show -P MainPID pycontainerd)"
/usr/bin/pyctr ps | grep left
test "$(/usr/bin/pyctr inspect -f '{{{{.restart_count}}}}' left)" = 0
dpkg --remove --no-triggers pycontainerd
test -d /var/lib/pycontainerd
dpkg --purge --no-triggers pycontainerd
pgrep -f '[p]yc:' && exit 4
look >/out/after
"""
_SOURCE = f"""{_LOOK}
{sys.executable} -m tools.package install
systemctl start pycontainerd.socket pycontainerd.service
works
/usr/bin/pyctr rm -f left
{sys.executable} -m tools.package install
systemctl stop pycontainerd.socket pycontainerd.service pycontainerd-shutdown.service
{sys.executable} -m tools.package uninstall
rm -r /var/lib/pycontainerd /run/pycontainerd /etc/pycontainerd
groupdel pycontainerd
look >/out/after
"""


@pytest.mark.timeout(GUEST_S + 60)
@pytest.mark.parametrize("script", [_PACKAGE, _SOURCE], ids=["package", "source"])
def test_it_works_and_leaves_nothing(script: str, package: Path, tmp_path: Path) -> None:
    (tmp_path / package.name).hardlink_to(package)
    done = UNIFIED.run("bash", "-xc", script, out=tmp_path, timeout_s=GUEST_S)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "it works" in done.stdout
    before, after = ((tmp_path / name).read_text().splitlines() for name in ("before", "after"))
    assert set(after) - set(before) == set()
    assert set(before) - set(after) == set()
