"""SECURITY R5, as a lint: nothing that runs in a container's root resolves a path by itself.

A path inside is opened by `linux.paths` beneath a descriptor of the root; what follows takes that descriptor. Functions
that take a path alone would follow the links of whoever has made the root.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from containerd_py.runtime import init

_MODULES = sorted(Path(next(iter(init.__path__))).rglob("*.py"))
_BANNED = {"glob", "pathlib", "shutil", "tempfile"}
_BY_PATH = {
    *(
        "access",
        "chdir",
        "chmod",
        "chown",
        "lchown",
        "link",
        "listdir",
        "lstat",
        "makedirs",
        "mkdir",
        "mkfifo",
        "mknod",
        "open",
    ),
    *(
        "readlink",
        "remove",
        "removedirs",
        "rename",
        "renames",
        "replace",
        "rmdir",
        "scandir",
        "stat",
        "symlink",
        "truncate",
    ),
    *("unlink", "utime", "walk"),
}
_ALLOWED = {
    "payload.py": {
        "os.access",
        "os.chdir",
        "os.stat",
    },  # of the payload's own program and directory, in its root, as its user
    "reaper.py": {"os.chdir"},  # to "/"
}


def findings(source: str) -> Iterator[str]:
    """Yield what resolves paths by itself. With a descriptor in place of the path, or beside it, none does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (f"import {name.name}" for name in node.names if name.name.split(".")[0] in _BANNED)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _BANNED:
            yield f"from {node.module}"
        elif isinstance(node, ast.Call) and _is_by_path(ast.unparse(node.func), node):
            yield ast.unparse(node.func)


def _is_by_path(called: str, call: ast.Call) -> bool:
    if called == "open" or called.startswith("os.path."):
        return called != "os.path.samestat"
    if not called.startswith("os.") or called.removeprefix("os.") not in _BY_PATH:
        return False
    return not {keyword.arg for keyword in call.keywords} & {"dir_fd", "src_dir_fd"} and not _is_descriptor(call.args[0])


def _is_descriptor(argument: ast.expr) -> bool:
    """Tell whether it is a call of `fileno`, or a variable that is named for a descriptor."""
    told = ast.unparse(argument)
    return told.endswith((".fileno()", "fd")) or told in ("directory", "one", "other", "source", "target", "place")


def test_there_are_such_modules() -> None:
    assert {"mounts.py", "rootfs.py", "unpacking.py"} <= {path.name for path in _MODULES}


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.name)
def test_no_path_is_resolved_but_beneath_the_root(path: Path) -> None:
    assert set(findings(path.read_text())) - _ALLOWED.get(path.name, set()) == set()


@pytest.mark.parametrize(
    "source",
    [
        *("import shutil", "from pathlib import Path", "open('/etc/passwd')", "os.makedirs(f'{rootfs}/dev')"),
        *("os.path.join(rootfs, name)", "os.path.realpath(name)", "os.open('/etc/passwd', os.O_RDONLY)", "os.stat(name)"),
    ],
)
def test_what_does_is_found(source: str) -> None:
    assert list(findings(source))


@pytest.mark.parametrize(
    "source", ["os.open(name, os.O_PATH, dir_fd=root)", "os.stat(fd.fileno())", "openat2(root, name, 0)", "os.fstat(one)"]
)
def test_what_does_not_is_not(source: str) -> None:
    assert not list(findings(source))
