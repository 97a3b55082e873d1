"""What the spawner rehearses: all operations are laid out before a worker is forked, and nothing is left of it."""

import os
import subprocess
import sys
import textwrap

import pytest

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


_FURNISHING = """
    import os
    from containerd_py.runtime.linux.process import Clone, unshare
    from containerd_py.runtime.spawner import rehearsal

    def state():
        with open("/proc/self/mountinfo") as mounts, open("/proc/self/status") as status:
            umask = [line for line in status if line.startswith("Umask:")]
            return umask, os.getcwd(), sorted(os.listdir("/proc/self/fd")), mounts.read()

    unshare(Clone.NEWNS)  # in that of the host others mount meanwhile
    os.umask(0o27)
    os.chdir("/usr")
    before = state()
    rehearsal._furnish()
    print(state() == before)
"""
_OUT_OF_DESCRIPTORS = """
    import os, resource
    from containerd_py.runtime.spawner import rehearsal

    resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}))
    rehearsal.rehearse()
    print(sorted(map(int, os.listdir("/proc/self/fd")))[:3])
"""


def run(script: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.splitlines()


def test_all_operations_are_read_and_laid_out_and_nothing_is_left_open() -> None:
    assert run(_SCRIPT) == ["False", "True", "True", "True"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_root_is_furnished_and_nothing_is_left_of_it() -> None:
    """Called itself: the rehearsal takes no notice of what fails in it."""
    assert run(_FURNISHING) == ["True"]


@pytest.mark.parametrize("free", range(1, 9))
def test_a_host_that_is_out_of_descriptors_does_not_keep_the_spawner_from_starting(free: int) -> None:
    assert run(_OUT_OF_DESCRIPTORS.replace("{limit}", str(3 + free))) == ["[0, 1, 2]"]
