"""What stands in for parts of the standard library does as they do."""

from __future__ import annotations

import contextlib
import ctypes
import enum
import functools
import json
import math
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from containerd_py.light import contextlib as light_contextlib
from containerd_py.light import ctypes as light_ctypes
from containerd_py.light import flags as light_flags
from containerd_py.light import functools as light_functools
from containerd_py.light import importlib as light_importlib
from containerd_py.light import json as light_json
from containerd_py.light import signal as light_signal
from containerd_py.light import threading as light_threading

if TYPE_CHECKING:
    from collections.abc import Iterator

# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────

_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1.5, 10**30, "", 'a"\\\n\x00\N{SNOWMAN}\ud800', [], {}, (), [[]], {"a": {}}, [1, [2, (3, {})]]),
    *({"a": [1, {"b": None}], "c": {"d": []}}, math.inf, -math.inf),
)
_FORMS: tuple[dict[str, Any], ...] = (
    {},
    {"separators": (",", ":")},
    {"indent": 2},
    {"indent": "\t"},
    {"ensure_ascii": False},
)
_TEXTS = ('{"a": [1, 2.5e3, true, null]}', " \n[1]\t\r", '"\\u00e9"', "NaN", "[-Infinity]", "1" * 30)
_WRONG = ("", " ", "{", "[1,]", "[1] 2", '{"a" 1}', "nul", '"\n"', "\ufeff1", "\u00a01")


@pytest.mark.parametrize("value", _VALUES)
@pytest.mark.parametrize(
    "options", [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}, {"ensure_ascii": False}]
)
def test_json_is_written_alike(value: Any, options: dict[str, Any]) -> None:
    assert light_json.dumps(value, **options) == json.dumps(value, **options)


def test_what_json_has_not_is_asked_for_or_refused() -> None:
    assert light_json.dumps([b"x"], default=lambda value: value.decode()) == '["x"]'
    with pytest.raises(TypeError, match="Object of type bytes is not JSON serializable"):
        light_json.dumps([b"x"])


@pytest.mark.parametrize("text", _TEXTS)
def test_json_is_read_alike(text: str) -> None:
    assert repr(light_json.loads(text)) == repr(json.loads(text)) == repr(light_json.loads(text.encode()))


@pytest.mark.parametrize("text", _WRONG)
def test_what_is_no_json_is_the_same_error(text: str) -> None:
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    with pytest.raises(light_json.JSONDecodeError) as found:
        light_json.loads(text)
    assert str(found.value) == str(expected.value)


def test_it_is_the_same_error_where_nobody_has_imported_json_yet() -> None:
    """C looks for it in `json.decoder`."""
    program = """
import sys
from containerd_py.light import json
assert "json" not in sys.modules
for text in ("{", "[1", "", "nul", b"{", '{"a": 1'):
    try:
        json.loads(text)
    except json.JSONDecodeError:
        continue
    sys.exit(f"{text!r} is no error")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_other_encodings_and_hooks_are_read_as_by_json() -> None:
    assert light_json.loads("[1]".encode("utf-16")) == [1]
    assert light_json.loads("\ufeff[1]".encode()) == [1]
    hooks: dict[str, Any] = {"object_pairs_hook": list, "parse_int": str, "parse_float": str}
    assert light_json.loads('{"a": 1, "a": 2.50, "b": [3]}', **hooks) == [("a", "1"), ("a", "2.50"), ("b", ["3"])]
    assert light_json.loads("[NaN]", parse_constant=str) == ["NaN"]


# ── flags ─────────────────────────────────────────────────────────────────────────────────────────────────────


class _Light(light_flags.IntFlag):
    A = 1
    B = 4
    MASK = 0x70
    C = 0x100


class _Real(enum.IntFlag):
    A = 1
    B = 4
    MASK = 0x70
    C = 0x100


_NUMBERS = (0, 1, 4, 5, 0x10, 0x70, 0x71, 0x105, 0x200, 0x3FF)


@pytest.mark.parametrize("first", _NUMBERS)
@pytest.mark.parametrize("second", _NUMBERS)
def test_flags_are_numbers_that_stay_flags(first: int, second: int) -> None:
    def all_of(kind: Any) -> list[Any]:
        one, other = kind(first), kind(second)
        mixed = [one | other, one & other, one ^ other, one | second, first & other, one & ~other]
        assert all(isinstance(each, kind) for each in mixed)
        named = [each for each in mixed if not int(each) & ~0x105]  # what others yield depends on the version
        members = [[(member.name, member.value) for member in each] for each in named]
        return [[int(each) for each in mixed], members, other in one, str(one), f"{one:#x}", one == first, hash(one)]

    assert all_of(_Light) == all_of(_Real)


def test_members_have_names_and_their_class() -> None:
    assert (_Light.A.name, _Light.MASK.name, _Light(2).name) == ("A", "MASK", None)
    assert isinstance(_Light.B, _Light)
    assert json.dumps(_Light.B) == "4"


# ── contexts ──────────────────────────────────────────────────────────────────────────────────────────────────

_BOTH = pytest.mark.parametrize("library", [light_contextlib, contextlib], ids=["light", "real"])


def _context(library: Any, log: list[str], *, swallow: bool = False, change: bool = False) -> Any:
    def made(name: str) -> Iterator[str]:
        """Its text."""
        log.append(f"enter {name}")
        try:
            yield name
        except ValueError as problem:
            if change:
                raise KeyError("changed") from problem
            if not swallow:
                raise
        finally:
            log.append(f"leave {name}")

    context = library.contextmanager(made)
    assert (context.__name__, context.__doc__) == ("made", "Its text.")
    return context


@_BOTH
def test_a_generator_is_a_context(library: Any) -> None:
    log: list[str] = []
    with _context(library, log)("a") as given:
        assert given == "a"
    problem = ValueError("x")
    with pytest.raises(ValueError, match="x") as raised, _context(library, log)("b"):
        raise problem
    assert raised.value is problem
    assert problem.__context__ is None
    with _context(library, log, swallow=True)("c"):
        raise ValueError
    with pytest.raises(KeyError) as changed, _context(library, log, change=True)("d"):
        raise problem
    assert changed.value.__cause__ is problem
    assert log == [f"{act} {name}" for name in "abcd" for act in ("enter", "leave")]


@_BOTH
def test_a_stop_iteration_passes_through(library: Any) -> None:
    problem = StopIteration("mine")
    with pytest.raises(StopIteration) as raised, _context(library, [])("a"):
        raise problem
    assert raised.value is problem


@_BOTH
def test_a_generator_that_yields_twice_or_never_is_a_mistake(library: Any) -> None:
    def several(count: int) -> Iterator[None]:
        for _ in range(count):
            with contextlib.suppress(ValueError):
                yield

    yields = library.contextmanager(several)
    with pytest.raises(RuntimeError, match="didn't yield"), yields(0):
        pass
    with pytest.raises(RuntimeError, match="didn't stop"), yields(2):
        pass
    with pytest.raises(RuntimeError, match=r"didn't stop after throw\(\)"), yields(2):
        raise ValueError


@_BOTH
def test_a_stack_is_left_from_its_top_whatever_is_raised(library: Any) -> None:
    log: list[str] = []

    def fail(name: str) -> None:
        log.append(name)
        raise OSError(name)

    with pytest.raises(OSError, match="first") as raised, library.ExitStack() as stack:  # noqa: PT012 - of all
        stack.callback(fail, "first")
        stack.enter_context(_context(library, log)("middle"))
        stack.callback(fail, name="last")
        raise ValueError("body")
    assert log == ["enter middle", "last", "leave middle", "first"]
    assert str(raised.value.__context__) == "last"
    assert raised.value.__context__ is not None
    assert str(raised.value.__context__.__context__) == "body"


@_BOTH
def test_a_stack_can_swallow_hand_over_and_be_closed(library: Any) -> None:
    log: list[str] = []
    with library.ExitStack() as stack:
        stack.enter_context(library.suppress(ValueError))
        raise ValueError
    with library.ExitStack() as stack:
        stack.callback(log.append, "later")
        kept = stack.pop_all()
    assert log == []
    kept.close()
    kept.close()
    assert log == ["later"]


@_BOTH
def test_small_contexts(library: Any) -> None:
    class Thing:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    thing = Thing()
    with (  # noqa: PT012 - what is raised passes through the others
        pytest.raises(KeyError),
        library.closing(thing) as given,
        library.suppress(ValueError, OSError),
    ):
        assert given is thing
        raise KeyError
    assert thing.closed == 1
    with library.suppress(OSError):
        raise FileNotFoundError
    with library.nullcontext(5) as five, library.nullcontext() as nothing:
        assert (five, nothing) == (5, None)


# ── functions, threads, signals, modules, C ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("library", [light_functools, functools], ids=["light", "real"])
def test_what_is_known_is_not_asked_again(library: Any) -> None:
    asked: list[int] = []

    def double(number: int) -> int:
        """Twice."""
        asked.append(number)
        return 2 * number

    for kept in (library.cache(double), library.lru_cache(maxsize=2)(double)):
        assert [kept(1), kept(1), kept(number=1), kept.__name__, kept.__doc__] == [2, 2, 2, "double", "Twice."]
        kept.cache_clear()
        assert kept(1) == 2
        assert kept.__wrapped__ is double
    assert asked == [1, 1, 1] * 2

    def made(_one: object) -> object:
        """What it is."""
        return object()

    kind: Any = type("Thing", (), {"value": library.cached_property(made)})
    one = kind()
    assert one.value is one.value
    assert one.value is not kind().value
    assert kind.value.__doc__ == "What it is."


def test_a_thread_is_joined() -> None:
    may_end = threading.Event()
    seen: list[str] = []

    def see(what: str) -> None:
        may_end.wait(30)
        seen.append(what)

    one = light_threading.Thread(target=see, args=("x",), daemon=True)
    one.start()
    one.join(0.01)
    assert seen == []
    may_end.set()
    one.join()
    assert seen == ["x"]


def test_signals_are_those_of_the_system() -> None:
    names = [name for name in vars(signal) if name.startswith("SIG") and not name.startswith("SIG_")]
    assert names
    assert [int(getattr(light_signal, name)) for name in names] == [int(getattr(signal, name)) for name in names]
    assert light_signal.getsignal(light_signal.SIGTERM) == signal.getsignal(signal.SIGTERM)


def test_a_module_is_imported_by_its_whole_name() -> None:
    assert light_importlib.import_module("containerd_py.light.json") is light_json
    with pytest.raises(ModuleNotFoundError):
        light_importlib.import_module("containerd_py.none")


def test_memory_is_that_of_c() -> None:
    for name in [one for one in light_ctypes.__all__ if one.startswith("c_")]:
        assert light_ctypes.sizeof(getattr(light_ctypes, name)) == ctypes.sizeof(getattr(ctypes, name)), name
    for given in ((b"ab",), (b"ab", 2), (4,)):
        ours, theirs = light_ctypes.create_string_buffer(*given), ctypes.create_string_buffer(*given)
        assert (ours.raw, len(ours)) == (theirs.raw, len(theirs))


def test_functions_of_c_tell_their_error() -> None:
    close = light_ctypes.CFUNCTYPE(light_ctypes.c_int, light_ctypes.c_int, use_errno=True)(
        ("close", light_ctypes.CDLL(None, use_errno=True))
    )
    assert (close(-1), light_ctypes.get_errno()) == (-1, 9)
