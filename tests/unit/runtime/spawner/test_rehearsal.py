"""What the spawner rehearses: all operations are laid out before a worker is forked, and nothing is left of it."""

import os
import subprocess
import sys
import textwrap

_SCRIPT = """
    import os
    from containerd_py.runtime.plan.operations import Operation
    from containerd_py.runtime.spawner import rehearsal

    def state():
        with open("/proc/self/mountinfo") as mounts:
            return sorted(os.listdir("/proc/self/fd")), mounts.read()

    before = state()
    decoded = set()
    decode = rehearsal.plan.decode
    rehearsal.plan.decode = lambda data: decoded.add(frozenset(map(type, decode(data).operations)))
    print(any("__layout__" in kind.__dict__ for kind in Operation.__subclasses__()))
    rehearsal.rehearse()
    print(all("__layout__" in kind.__dict__ for kind in Operation.__subclasses__()))
    print(state() == before)
    print(decoded == {frozenset(Operation.__subclasses__())})
"""


def test_all_operations_are_read_and_laid_out_and_nothing_is_left_open() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_SCRIPT)], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.split() == ["False", "True", "True", "True"]
