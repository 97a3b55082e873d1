"""`pycontainerd`, also as `python -m containerd_py`."""

from __future__ import annotations

import functools
import gc
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from containerd_py.errors import ContainerdError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHECK = ("config", "check")
_SHUTDOWN = ("shutdown",)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def main() -> int:
    """Return the exit code: 0 after SIGTERM, 1 where the daemon cannot start, 2 for wrong options.

    `pycontainerd config check`, with the options of the daemon, only reads the settings; `pycontainerd shutdown` stops all
    containers, and returns 1 where one cannot be stopped.
    """
    given = next((words for words in (_CHECK, _SHUTDOWN) if tuple(sys.argv[1 : 1 + len(words)]) == words), ())
    with quick_imports():
        import uvloop

        from containerd_py import config, daemon, log

        if given == _SHUTDOWN:  # with the client, which a daemon does not need
            from containerd_py import shutdown

    reread = functools.partial(config.load, sys.argv[1 + len(given) :], os.environ)
    try:
        settings = reread()
        if given == _CHECK:
            sys.stdout.write(config.as_toml(settings))
            return 0
        log.configure(settings.log_level)
        if given == _SHUTDOWN:
            return uvloop.run(shutdown.run(settings))
        uvloop.run(daemon.run(settings, reread))
    except ContainerdError as problem:
        hint = f" ({problem.hint})" if problem.hint else ""
        sys.stderr.write(f"pycontainerd: {problem.message}{hint}\n")
        return 1
    return 0


@contextmanager
def quick_imports() -> Iterator[None]:
    """Leave out what takes a quarter of the time of the imports, and is never used here.

    aiohttp reads all certificates of the host, twice, for HTTPS; structlog imports rich to colour tracebacks; and the
    collector looks again and again at what stays.
    """
    environment = {name: os.environ.get(name) for name in _CERTIFICATES}
    os.environ |= dict.fromkeys(_CERTIFICATES, os.devnull)
    absent = "rich" not in sys.modules
    if absent:
        sys.modules["rich"] = None  # type: ignore[assignment]  # "cannot be imported" (import statement)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
        if absent:
            del sys.modules["rich"]
        for name, value in environment.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
