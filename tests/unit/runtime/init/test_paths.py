"""SECURITY R5, as a lint: nothing that runs in a container's root resolves a path by itself.

A path inside is opened by `linux.paths` beneath a descriptor of the root; what follows takes that descriptor. Functions
that take a path alone would follow the links of whoever has made the root.
"""

from pathlib import Path

import pytest

from containerd_py.runtime import init
from tests.unit.runtime.init.resolving import Annotated, findings, sources

_SOURCES = sources(Path(next(iter(init.__path__))))
_ANNOTATED = Annotated.of(list(_SOURCES.values()))
_LINUX = "containerd_py.runtime.linux."
_OPENAT2, _CLONE_TREE, _CALL = f"{_LINUX}paths.openat2", f"{_LINUX}mounts.clone_tree", f"{_LINUX}syscall.call"

_OWN_ROOT = "the root that this worker is in already: the container's, or the host's before that was entered"
_BEFORE = "a path of the caller's, on the host, before the root is entered"
_NO_PATH = "that system call takes none"
_ALLOWED = {
    ("archive/places.py", "take_root", "os.chroot"): 'to ".", where a descriptor has led',
    ("archive/unpacking.py", "__init__", f"{_LINUX}paths.open_in_root handed on"): "called with the target's descriptor",
    ("archive/unpacking.py", "__init__", f"{_LINUX}paths.open_beneath handed on"): "called with the target's descriptor",
    ("devices.py", "", "AT_FDCWD"): "for what follows",
    ("devices.py", "take_nodes", _OPENAT2): _OWN_ROOT,
    ("hooks.py", "_become_hook", f"{_LINUX}process.execve"): "a program of the caller's, by its path; nothing else is run",
    ("identity.py", "set_identity", _CALL): _NO_PATH,
    ("masks.py", "", "AT_FDCWD"): "for what follows",
    ("masks.py", "clone_null", _CLONE_TREE): "the host's /dev/null, which is checked, before the root is entered",
    ("mounts.py", "", "AT_FDCWD"): "for what follows",
    ("mounts.py", "clone_tree", _CLONE_TREE): _BEFORE,
    ("mounts.py", "_source", _OPENAT2): _BEFORE,
    ("namespaces.py", "set_hostname", _CALL): _NO_PATH,
    ("namespaces.py", "set_domainname", _CALL): _NO_PATH,
    (
        "payload.py",
        "change_directory",
        "os.chdir",
    ): "the payload's own directory, in its root, as its user; looked at after",
    ("payload.py", "_check_executable", "os.stat"): "the payload's own program, in its root, as its user",
    ("payload.py", "_check_executable", "os.access"): "the payload's own program, in its root, as its user",
    ("payload.py", "execute", f"{_LINUX}process.execve"): "the payload's own program, in its root, as its user",
    ("reaper.py", "_stay", "os.chdir"): 'to "/"',
    ("rootfs.py", "", "AT_FDCWD"): "for what follows",
    ("rootfs.py", "_place", _OPENAT2): _BEFORE,
    ("rootfs.py", "_host_root", _OPENAT2): _OWN_ROOT,
    ("rootfs.py", "move_root", f"{_LINUX}mounts.unmount"): "a mount of the host's copy, before the root is entered",
    ("rootfs.py", "_whole_ones", _OPENAT2): "the host's own procfs, before the root is entered",
    ("rootfs.py", "_directory", _OPENAT2): "a mount of the host's copy, before the root is entered",
    ("terminal.py", "enter_root", _OPENAT2): _OWN_ROOT,
    ("terminal.py", "enter_root", "AT_FDCWD"): _OWN_ROOT,
    ("worker.py", "", "containerd_py.light.importlib.import_module"): "our own modules, when the spawner starts",
}
"""By module, function and what it does: why it may. What is no longer there has to go here too."""


def told(source: str) -> list[str]:
    return [one.what for one in findings(source, _ANNOTATED)]


def test_there_are_such_modules() -> None:
    assert {"mounts.py", "rootfs.py", "archive/unpacking.py"} <= _SOURCES.keys()


def test_no_path_is_resolved_but_beneath_the_root() -> None:
    found = {
        (module, one.function, one.what) for module, source in _SOURCES.items() for one in findings(source, _ANNOTATED)
    }
    assert found == _ALLOWED.keys()


_IMPORTS = "import os\nfrom containerd_py.runtime.linux import mounts, paths\n"


@pytest.mark.parametrize(
    "source",
    [
        *("import shutil", "from pathlib import Path", "import subprocess", "import ctypes", "from os import open as look"),
        *("open('/etc/passwd')", "os.makedirs(f'{rootfs}/dev')", "os.path.join(rootfs, name)", "os.path.realpath(name)"),
        *(
            "os.open('/etc/passwd', os.O_RDONLY)",
            "os.stat(name)",
            "os.execvp(name, ())",
            "os.walk(name)",
            "os.listdir(name)",
        ),
        *("os.mkdir(name, dir_fd=None)", "os.rename(name, other, src_dir_fd=directory.fileno())", "os.system(name)"),
    ],
)
def test_what_does_is_found(source: str) -> None:
    assert told(_IMPORTS + source)


@pytest.mark.parametrize(
    "source",
    [
        "import os as system\nsystem.open('/etc/passwd', 0)",
        "look = os.open\nlook('/etc/passwd', 0)",
        "functools.partial(os.stat, name)",
        "list(map(os.unlink, names))",
        "target = '/etc/passwd'\nos.stat(target)",
        "def f(source: str) -> None:\n    os.stat(source)",
        "def f(fd: str) -> None:\n    os.chmod(fd, 0)",
        "def f(place: int | str) -> None:\n    os.chdir(place)",
        "def f() -> None:\n    here = name\n    os.mkdir('x', dir_fd=here)",
        "def f() -> None:\n    for fd in ('/etc', '/dev'):\n        os.chmod(fd, 0)",
        "paths.openat2(-100, name, 0, 0, paths.NO_RESTRICTION)",
        "NOWHERE = -100\ndef f() -> None:\n    paths.openat2(NOWHERE, name, 0, 0, paths.NO_RESTRICTION)",
        "paths.open_in_root(0, name, 0)",
        "mounts.clone_tree(directory=name, path='', recursive=True)",
        "mounts.unmount(name)",
        "from containerd_py.runtime.linux.proc_text import read_text\nread_text('/proc/self/status')",
        "from containerd_py.runtime.linux.syscall import call\ncall('mount', name, name, name, 0, 0)",
        "from containerd_py.runtime.linux import syscall\nsyscall.call('open', name)",
        "import tarfile\ntarfile.open(name)",
        "archive.extractall(name)",
        "import io\nio.FileIO(name)",
        "import importlib\nimportlib.import_module(name)",
        "__import__(name)",
        "from containerd_py.light.importlib import import_module\nimport_module(name)",
    ],
)
def test_neither_other_names_nor_other_ways_hide_it(source: str) -> None:
    assert told(_IMPORTS + source)


@pytest.mark.parametrize(
    "source",
    [
        "os.stat(fd.fileno())",
        "os.open(name, os.O_PATH, dir_fd=root.fileno())",
        "paths.openat2(context.root_fd(), name, 0, 0, paths.Resolve.IN_ROOT)",
        "def f(root: int, one: int) -> None:\n    os.fstat(one)\n    os.mkdir('dev', dir_fd=root)",
        "def f() -> None:\n    root = place.fileno()\n    paths.open_in_root(root, name, 0)",
        "def f() -> None:\n    root, why = place.fileno(), name\n    os.symlink(why, 'x', dir_fd=root)",
        "with mounts.clone_tree(target.fileno(), '', recursive=True) as tree:\n    mounts.attach(tree.fileno(), there)",
        "os.stat(name, dir_fd=os.open('.', 0, dir_fd=root.fileno())).st_mode",
    ],
)
def test_what_does_not_is_not(source: str) -> None:
    assert told(_IMPORTS + source) == []
