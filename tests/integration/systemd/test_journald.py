"""The log driver journald with the real journald: in a systemd that the harness boots in namespaces of this machine."""

import json
import sys
from pathlib import Path

import pytest

from tests.integration.systemd.guests import UNIFIED

GUEST_S = 150
LINES = 3000  # below what journald takes of one service in its interval
SCRIPT = f"""
set -eu
python={sys.executable}
export PYCONTAINERD_SOCKET=$TMPDIR/api.sock
mkdir -p $TMPDIR/rootfs/bin
cp /usr/bin/busybox $TMPDIR/rootfs/bin/
serve() {{
    $python -m containerd_py --socket $PYCONTAINERD_SOCKET --state-dir $TMPDIR/state --data-dir $TMPDIR/data 2>>/out/log &
    until $python -m containerd_py.cli.main info >/dev/null 2>&1; do sleep 0.1; done
}}
pyctr() {{ $python -m containerd_py.cli.main "$@"; }}
serve
pyctr run -d --name box -i --rootfs $TMPDIR/rootfs --log-driver journald --log-opt tag=shop --label app=web \\
    /bin/busybox sh -c 'busybox seq {LINES // 2}; echo; read a; busybox seq {LINES // 2 + 1} {LINES}
        printf "caf\\351\\n" >&2; busybox printf "%020000d\\nunfinished" 7' >/dev/null
kill -9 $!
wait $! || true
systemctl restart systemd-journald
serve
curl -fsS --unix-socket $PYCONTAINERD_SOCKET -T - 'http://localhost/v1/containers/box/stdin?close=true' <<<go
pyctr wait box >/out/code
pyctr rm box >/dev/null
kill -TERM $!
wait $!
journalctl --sync
journalctl --all --output json CONTAINER_NAME=box >/out/entries
"""


def text(message: object) -> bytes:
    """What is no UTF-8, or not printable, journalctl writes as a list of numbers; nothing at all as null."""
    if message is None:
        return b""
    return bytes(message) if isinstance(message, list) else str(message).encode()


@pytest.mark.timeout(GUEST_S + 30)
def test_every_line_in_order_through_a_restart_of_both(tmp_path: Path) -> None:
    done = UNIFIED.run("bash", "-c", SCRIPT, out=tmp_path, timeout_s=GUEST_S)
    log = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log}"
    assert (tmp_path / "code").read_text() == "0\n"
    entries = [json.loads(line) for line in (tmp_path / "entries").read_text().splitlines()]
    by_offset = {int(entry["CONTAINER_LOG_OFFSET"]): entry for entry in entries}
    assert len(entries) <= len(by_offset) + 1  # the one that was sent and not recorded when the daemon was killed
    out = [entry for entry in by_offset.values() if entry["PRIORITY"] == "6"]
    numbers = [b"%d" % number for number in range(1, LINES + 1)]
    assert [text(entry.get("MESSAGE")) for entry in out[: LINES + 1]] == [
        *numbers[: LINES // 2],
        b"",
        *numbers[LINES // 2 :],
    ]
    first, second, last = out[LINES + 1 :]
    assert text(first["MESSAGE"]) + text(second["MESSAGE"]) == b"%020000d" % 7
    assert (first["CONTAINER_PARTIAL_MESSAGE"], "CONTAINER_PARTIAL_MESSAGE" in second) == ("true", False)
    assert (text(last["MESSAGE"]), last["CONTAINER_PARTIAL_MESSAGE"]) == (b"unfinished", "true")
    (error,) = (entry for entry in by_offset.values() if entry["PRIORITY"] == "3")
    assert text(error["MESSAGE"]) == b"caf\xe9"
    for entry in entries:
        assert (entry["CONTAINER_TAG"], entry["SYSLOG_IDENTIFIER"], entry["CONTAINER_LABEL_APP"]) == ("shop", "shop", "web")
