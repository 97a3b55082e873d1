"""How the daemon's process begins."""

import subprocess
import sys

_SCRIPT = """
import gc, os, sys
from containerd_py.__main__ import quick_imports
os.environ["SSL_CERT_DIR"] = "/somewhere"
os.environ.pop("SSL_CERT_FILE", None)
with quick_imports():
    from containerd_py import daemon, log
log.configure("info")
assert not [name for name in sys.modules if name.partition(".")[0] in ("rich", "pygments", "typer", "pyroute2")]
assert gc.isenabled()
assert os.environ["SSL_CERT_DIR"] == "/somewhere" and "SSL_CERT_FILE" not in os.environ
import rich
"""


def test_the_daemon_imports_nothing_that_it_does_not_use_and_leaves_no_trace_of_that() -> None:
    subprocess.run([sys.executable, "-c", _SCRIPT], check=True)
