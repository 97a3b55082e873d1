"""The page of a run is made of what the sections have kept, and says what was not measured."""

import re
from pathlib import Path

from tests.bench import figures, page
from tests.bench.figures import OURS, Better, Figure, Growth, Machine, Measured, Section, Series
from tests.bench.sections.every import SECTIONS
from tests.bench.targets import outcomes

_DOCS = Path(__file__).parents[3] / "docs"
_MACHINE = Machine("now", "a processor", 2, "6.1", "Debian", "3.11", "cgroupfs", "0.00 0.00 0.00", ("crun 1",))


def section(name: str, *shown: Figure, growths: tuple[Growth, ...] = (), absent: dict[str, str] | None = None) -> Section:
    return Section(name, _MACHINE, "rounds 2", 1.0, Measured(shown, growths, absent or {}))


def life(ours: float, theirs: float) -> Figure:
    series = (Series(OURS, (ours, ours)), Series("crun run", (theirs, theirs)))
    return Figure("life.http", "A life", "ms", series, paired=True, note="So it is.")


def verdict(target: str, *sections: Section) -> bool | None:
    return next(each.met for each in outcomes({one.name: one for one in sections}) if each.target.startswith(target))


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    written = section(
        "exec",
        Figure("exec", "Exec", "1/s", (Series(OURS, (1.5, 2.5)),), better=Better.HIGHER, compared=False),
        growths=(Growth("a", "1", "10", 10, (1.0,), (2.0, 3.0)),),
        absent={"docker": "it is not installed"},
    )
    figures.write(tmp_path, written)
    assert figures.read(tmp_path, list(SECTIONS)) == {"exec": written}


def test_a_page_has_a_chart_for_each_figure(tmp_path: Path) -> None:
    shown = section("lifecycle", life(1, 2), absent={"podman": "it is not installed"})
    (tmp_path / page.CHARTS).mkdir(parents=True)
    (tmp_path / page.CHARTS / "gone.svg").write_text("of an earlier run")
    page.write(tmp_path / "page.md", {"lifecycle": shown})
    text = (tmp_path / "page.md").read_text()
    assert charts_of(text) == ["life-http"] == [path.stem for path in (tmp_path / page.CHARTS).iterdir()]
    assert "| crun run | 2.00 | 2.00 | 2.00 | 0.50 × |" in text
    assert "So it is." in text
    assert "podman was not measured: it is not installed." in text


def charts_of(text: str) -> list[str]:
    return re.findall(rf"\({page.CHARTS}/([\w-]+)\.svg\)", text)


def test_our_own_page_has_the_charts_that_it_shows() -> None:
    shown = charts_of((_DOCS / "performance.md").read_text())
    assert sorted(shown) == sorted(path.stem for path in (_DOCS / page.CHARTS).iterdir())


def test_targets_are_met_or_not_or_not_measured() -> None:
    target = "a life over HTTP: ≤ 0.7 × `crun run`"
    assert verdict(target, section("lifecycle", life(0.7, 1.0))) is True
    assert verdict(target, section("lifecycle", life(0.8, 1.0))) is False
    assert verdict(target) is None
    assert verdict("a life over HTTP: ≤ 0.2 × `runc run`", section("lifecycle", life(0.7, 1.0))) is None


def test_what_is_to_be_more_is_met_by_more() -> None:
    target = "starts a second, 8 in flight: ≥ 3 × `ctr`"

    def rates(ours: float) -> Section:
        series = (Series(OURS, (ours,)), Series("ctr run --detach", (10.0,)))
        return section("throughput", Figure("starts.8", "Starts", "1/s", series, better=Better.HIGHER))

    assert verdict(target, rates(30.0)) is True
    assert verdict(target, rates(29.0)) is False


def test_the_slowest_start_is_held_against_the_median() -> None:
    target = "starts, 32 in flight"

    def starts(slowest: float) -> Section:
        series = (Series("beside 1000", (*(1.0 for _ in range(9)), slowest)),)
        return section("crowd", Figure("crowd.starts", "Starts", "ms", series, compared=False))

    assert verdict(target, starts(5.0)) is True
    assert verdict(target, starts(5.1)) is False


def test_a_growth_that_is_certain_counts_beside_one_that_is_greater_and_may_be_chance() -> None:
    growths = (
        Growth("lists", "1", "10", 10, (1.0, 1.0, 1.0), (0.1, 0.2, 9.0)),
        Growth("inspects", "1", "10", 10, (1.0, 1.0, 1.0), (1.4, 1.4, 1.4)),
    )
    found = next(each for each in outcomes({"crowd": section("crowd", growths=growths)}) if "ten times" in each.target)
    assert ("inspects" in found.measured, found.met) == (True, False)


def test_the_worst_growth_is_told() -> None:
    growths = (Growth("lists", "1", "10", 1, (1.0,), (5.0,)), Growth("lives", "1", "10", 10, (1.0,), (1.2,)))
    found = next(each for each in outcomes({"crowd": section("crowd", growths=growths)}) if "ten times" in each.target)
    assert (found.met, found.measured) == (False, "12.0 × (lives)")
    assert charts_of("".join(page._lines({"crowd": section("crowd", growths=growths)}))) == ["growth"]
