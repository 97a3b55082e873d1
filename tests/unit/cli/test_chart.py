"""Timelines as bars and as a picture, and the colours of a plan."""

from __future__ import annotations

import os
import pty
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from containerd_py.cli.chart.bars import bar_text, phase_lines, phases_of, time_text
from containerd_py.cli.chart.picture import draw, save
from containerd_py.errors import InvalidArgument
from containerd_py.wire import TimedStep

if TYPE_CHECKING:
    from pathlib import Path


def step(name: str, start_us: float, duration_us: float, *, phase: Any = "create", about: str = "do it") -> TimedStep:
    return TimedStep(phase=phase, step=name, description=about, start_us=start_us, duration_us=duration_us)


STEPS = (
    step("lower", 0, 500),
    step("mount", 500, 500, about="mount <x> & \x1b[31m"),
    step("exec", 86_400_000_000, 100, phase="start"),
    step("seccomp", 86_400_000_100, 900, phase="start"),
)


def test_each_phase_is_drawn_from_its_own_beginning() -> None:
    first, second = phases_of(STEPS)
    assert (first.begin_us, first.length_us, second.length_us) == (0, 1000, 1000)
    assert bar_text(STEPS[0], first, 10) == "█████     "
    assert bar_text(STEPS[1], first, 10) == "     █████"
    assert bar_text(STEPS[2], second, 10) == "█         "
    assert bar_text(STEPS[3], second, 10) == " █████████"


@pytest.mark.parametrize(("start", "length"), [(0, 0), (999, 1), (1000, 0), (3, 1), (0, 1000)])
def test_a_bar_is_never_nothing_and_never_too_long(start: float, length: float) -> None:
    (phase,) = phases_of([step("x", 0, 1000)])
    bar = bar_text(step("y", start, length), phase, 10)
    assert len(bar) == 10
    assert bar.strip()


def test_no_time_at_all() -> None:
    (phase,) = phases_of([step("x", 0, 0)])
    assert bar_text(step("x", 0, 0), phase, 4).strip()
    ET.fromstring(draw([step("x", 0, 0)], title="t"))  # noqa: S314 - our own
    ET.fromstring(draw([], title="t"))  # noqa: S314 - our own


def test_lines_fit_the_terminal() -> None:
    for width in (40, 80, 200):
        lines = [line.plain for phase in phases_of(STEPS) for line in phase_lines(phase, width)]
        assert max(map(len, lines)) <= width
        assert not any("\x1b" in line for line in lines)


def test_times() -> None:
    assert [time_text(one) for one in (0.4, 12, 1234, 2_500_000)] == ["0 µs", "12 µs", "1.2 ms", "2.50 s"]


def test_the_picture_is_xml_with_a_bar_for_each_step() -> None:
    root = ET.fromstring(draw(STEPS, title="a <b> \x1b"))  # noqa: S314 - our own
    space = {"s": "http://www.w3.org/2000/svg"}
    bars = root.findall("s:g/s:rect", space)
    assert [float(bar.attrib["width"]) for bar in bars] == [280.0, 280.0, 56.0, 504.0]
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "mount <x> & \\x1b[31m" in texts
    assert "a <b> \\x1b" in texts
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for bar in bars:
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= width
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) <= height


def test_a_picture_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    save(str(tmp_path / "t.svg"), "<svg/>")
    assert (tmp_path / "t.svg").read_text() == "<svg/>"
    with pytest.raises(InvalidArgument, match=r"cannot write .*no such file"):
        save(str(tmp_path / "none" / "t.svg"), "<svg/>")
    with pytest.raises(InvalidArgument, match="pictures are SVG"):
        save(str(tmp_path / "t.png"), "<svg/>")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(InvalidArgument, match="is a directory"):
        save(str(tmp_path / "folder.svg"), "<svg/>")
    assert sorted(os.listdir(tmp_path)) == ["folder.svg", "t.svg"]


def shown(pyctr: Any, *args: str, **environment: str) -> str:
    """What the command writes to a terminal."""
    master, slave = pty.openpty()
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    child = pyctr.spawn(*args, stdout=slave, env=variables | {"TERM": "xterm-256color"} | environment)
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 65_536)
        except OSError:
            break
        written += piece
    os.close(master)
    assert child.wait(30) == 0
    return written.decode()


def test_a_terminal_gets_bars(daemon: Any, pyctr: Any) -> None:
    daemon.replies("GET /v1/containers/a/timeline", {"steps": [one.model_dump() for one in STEPS]})
    text = shown(pyctr, "timeline", "a")
    assert "█" in text
    assert "\x1b[" in text


def test_colours_are_for_terminals_that_want_them(daemon: Any, pyctr: Any) -> None:
    steps = [{"index": 0, "step": "mount", "description": "mount proc"}]
    daemon.replies("POST /v1/explain", {"namespaces": ["pid"], "steps": steps})
    args = ("explain", "--rootfs", "/r", "x")
    plain = pyctr(*args).text
    assert plain == "namespaces: pid\n0. mount  mount proc\n"
    assert shown(pyctr, *args, NO_COLOR="1").replace("\r", "") == plain
    assert "\x1b[" in shown(pyctr, *args)
