"""Hooks that the parent runs, in its own namespaces (config.md, "POSIX-platform Hooks"). Blocking.

Those of the container's namespaces are the worker's (`init.hooks`).
"""

from __future__ import annotations

import os

from containerd_py.errors import ContainerdError, DeadlineExceeded, InvalidArgument
from containerd_py.light import json
from containerd_py.runtime.linux.fd import Fd
from containerd_py.runtime.linux.memfd import sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from containerd_py.runtime.spec.hooks import Hook

    State = dict[str, Any]


_MOST = 1 << 20
_TOLD = 400  # bytes of a failed hook's output that its error shows


def run(moment: str, hooks: tuple[Hook, ...], state: State) -> None:
    """Run each in turn with the state on its standard input. Raises InvalidArgument, DeadlineExceeded."""
    document = json.dumps(state).encode()
    for index, hook in enumerate(hooks):
        _run(moment, index, hook, document)


def run_all(moment: str, hooks: tuple[Hook, ...], state: State) -> None:
    """Run each, whatever becomes of the others: what has happened cannot be undone by them."""
    document = json.dumps(state).encode()
    for index, hook in enumerate(hooks):
        try:
            _run(moment, index, hook, document)
        except ContainerdError as problem:
            import logging  # seldom needed, and not cheap

            logging.getLogger(__name__).warning("%s", problem.message)


def _run(moment: str, index: int, hook: Hook, document: bytes) -> None:
    import subprocess  # few containers have hooks

    what = f"cannot run {hook.path!r} (hooks.{moment}.{index}): error running {moment} hook #{index}"
    environment = dict(entry.split("=", 1) for entry in hook.env)
    # Files, not pipes: a grandchild that keeps its end open must not keep us.
    with sealed("state", document) as state, Fd(os.memfd_create("output", os.MFD_CLOEXEC)) as output:
        os.lseek(state.fileno(), 0, os.SEEK_SET)
        try:
            done = subprocess.run(  # noqa: S603 - what the document asks for
                hook.args or (hook.path,),
                executable=hook.path,
                env=environment,
                cwd="/",
                stdin=state.fileno(),
                stdout=output.fileno(),
                stderr=output.fileno(),
                timeout=hook.timeout,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired as problem:
            raise DeadlineExceeded(f"{what}: it did not end in {hook.timeout} s, and was killed", step="hooks") from problem
        except OSError as problem:
            raise InvalidArgument(f"{what}: {problem.strerror}", step="hooks", errno=problem.errno) from problem
        told = os.pread(output.fileno(), _MOST, 0)[-_TOLD:].decode(errors="replace").strip()
    if done.returncode != 0:
        failed = done.returncode > 0
        how = f"{moment} hook failed with exit code {done.returncode}" if failed else f"signal {-done.returncode} killed it"
        raise InvalidArgument(f"{what}: {how}" + (f": {told}" if told else ""), step="hooks")
