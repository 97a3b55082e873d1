"""`pycontainerd`, also as `python -m containerd_py`."""

from __future__ import annotations

import os
import sys

from containerd_py.errors import ContainerdError


def main() -> int:
    """Return the exit code: 0 after SIGTERM, 1 where the daemon cannot start, 2 for wrong options."""
    import uvloop

    from containerd_py import config, daemon, log

    try:
        settings = config.load(sys.argv[1:], os.environ)
        log.configure(settings.log_level)
        uvloop.run(daemon.run(settings))
    except ContainerdError as problem:
        hint = f" ({problem.hint})" if problem.hint else ""
        sys.stderr.write(f"pycontainerd: {problem.message}{hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
