"""SECURITY R21, as a lint: nothing that one container has asked for stays in a module, for the next one to find.

What a module has is made when it is imported, and never changed afterwards; what a function returns from a cache nobody can
change. [CVE-2020-14370] What one object shares with another by itself shows in `tests/security/daemon/test_leakage.py`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import containerd_py

_PACKAGE = Path(next(iter(containerd_py.__path__)))
_CHANGING = {
    *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove"),
    *("reverse", "setdefault", "sort", "update"),
}
_SHARED = {
    ("api/shown.py", "_WRITTEN"): "bytes, by what they are of: as long as that is there",
    ("runtime/init/steps.py", "EXECUTORS"): "filled while the modules of the executors are imported",
    ("runtime/prepared.py", "_meanwhile"): "what a program that starts one container does while it waits for a launcher",
    ("runtime/prepared.py", "_prepared"): "launchers of such a program, which have been given nothing yet",
}
_FROZEN = {
    *("Capabilities", "Fd", "MountOptions", "Seccomp", "SeccompFilter", "bool", "int", "str", "str | None"),
    *("tuple[Mount, ...]", "tuple[Namespace, ...]"),
}
"""What a cached function may return: each is a frozen model, or a descriptor."""


def changed(source: str) -> Iterator[str]:
    """Yield names of the module, or of an imported one, that a function changes."""
    tree = ast.parse(source)
    shared, modules = set(_names(tree)), set(_modules(tree))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            own = set(_own(function))
            for node in ast.walk(function):
                if isinstance(node, ast.Global):
                    yield from node.names
                yield from (name for name in _changed_by(node, modules) if name in shared - own)


def _names(tree: ast.Module) -> Iterator[str]:
    for made in tree.body:
        targets = made.targets if isinstance(made, ast.Assign) else [made.target] if isinstance(made, ast.AnnAssign) else []
        yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (one.asname or one.name.partition(".")[0] for one in node.names)


def _modules(tree: ast.Module) -> Iterator[str]:
    """Yield what is imported by a name that is none of a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = (one.asname or one.name.partition(".")[0] for one in node.names)
            yield from (name for name in names if not name.isupper())


def _own(function: ast.AST) -> Iterator[str]:
    """Yield parameters and variables that have such a name too."""
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _changed_by(node: ast.AST, modules: set[str]) -> Iterator[str]:
    places: list[ast.expr] = []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        # `os.remove` is a function of a module's; `DEFAULTS.remove` is not
        places = [] if isinstance(node.func.value, ast.Name) and node.func.value.id in modules else [node.func.value]
    elif isinstance(node, ast.Assign | ast.Delete):
        places = [target for target in node.targets if isinstance(target, ast.Subscript | ast.Attribute)]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign) and isinstance(node.target, ast.Subscript | ast.Attribute):
        places = [node.target]
    for place in places:
        found: ast.expr = place
        while isinstance(found, ast.Attribute | ast.Subscript):
            found = found.value
        if isinstance(found, ast.Name):
            yield found.id


def cached(source: str) -> Iterator[str]:
    """Yield what cached functions return."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = [ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list]
            if {"cache", "lru_cache"} & set(decorators):
                yield "nothing that is annotated" if node.returns is None else ast.unparse(node.returns)


_INTERPRETERS_OWN = {
    ("__main__.py", "os"): "while the program is imported",
    ("__main__.py", "sys"): "while the program is imported",
    ("bytecode_bundle.py", "sys"): "the modules of another program, while they are imported once more",
    ("bytecode_cache.py", "sys"): "the finder of modules",
    ("engine/service_manager.py", "os"): "what the service manager has said to this process is not handed on",
    ("runtime/init/freeze.py", "sys"): "that nothing is imported in a container (SECURITY R4)",
}


def test_no_function_changes_what_a_module_has() -> None:
    found = {
        (str(path.relative_to(_PACKAGE)), name) for path in _PACKAGE.rglob("*.py") for name in changed(path.read_text())
    }
    assert found == {*_SHARED, *_INTERPRETERS_OWN}


def test_what_is_cached_cannot_be_changed() -> None:
    found = {what for path in _PACKAGE.rglob("*.py") for what in cached(path.read_text())}
    assert found - _FROZEN == set()


@pytest.mark.parametrize(
    "function",
    [
        *("MADE.append(1)", "MADE['a'] = 1", "MADE['a']['b'].update(c=1)", "del MADE['a']", "MADE.field = 1"),
        *("MADE['a'] += 1", "global MADE\n    MADE = 1", "made.DEFAULTS.append(1)", "DEFAULTS['a'] = 1"),
    ],
)
def test_what_changes_it_is_found(function: str) -> None:
    assert list(changed(f"import made\nfrom made import DEFAULTS\nMADE = {{}}\ndef f():\n    {function}"))


@pytest.mark.parametrize(
    "function", ["made = {}\n    made['a'] = 1", "self.MADE['a'] = 1", "return {**MADE, 'a': 1}", "MADE.get('a')"]
)
def test_what_does_not_is_not(function: str) -> None:
    assert not list(changed(f"MADE = {{}}\ndef f(self):\n    {function}"))


def test_a_cached_list_is_found() -> None:
    assert list(cached("@cache\ndef f() -> list[str]: ...\n@functools.lru_cache(maxsize=1)\ndef g(): ...")) == [
        *("list[str]", "nothing that is annotated")
    ]
