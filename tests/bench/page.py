"""The page of a run and its charts: written anew from the results, whole."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench import chart, estimates, report
from tests.bench.bare import BARE
from tests.bench.figures import WORK, Figure, Section
from tests.bench.sections import profile
from tests.bench.targets import grown, outcomes, told

CHARTS = "images/performance"
_TITLES = {
    "lifecycle": "A container's life",
    "throughput": "Starts",
    "exec": "Exec",
    "end": "Stop and kill",
    "memory": "Memory",
    "output": "Output",
    "crowd": "Many containers at once",
    "profile": "Where the time goes",
}
_VERDICTS = {True: "met", False: "**not met**", None: "not measured"}
_HEAD = """\
# Performance, in figures

<!-- Written by `make bench`: changes made by hand are lost. -->

What is compared, what differs, and how to read it: [Performance](explanation/performance.md). Ratios are ours to theirs, of
the medians of the same rounds; the interval holds 95 % of what a bootstrap of these rounds gives. No figure is a test.
"""


def write(page: Path, sections: Mapping[str, Section]) -> None:
    charts = page.parent / CHARTS
    charts.mkdir(parents=True, exist_ok=True)
    for old in charts.glob("*.svg"):
        old.unlink()
    for name, picture in pictures(sections):
        (charts / f"{name}.svg").write_text(picture)
    page.write_text("\n".join(_lines(sections)) + "\n")


def pictures(sections: Mapping[str, Section]) -> Iterator[tuple[str, str]]:
    for section in sections.values():
        yield from ((_name(figure), chart.figure(figure)) for figure in section.measured.figures)
    growths = [growth for section in sections.values() for growth in section.measured.growths]
    if growths:
        yield "growth", chart.growths(growths, [grown(each).value for each in growths], WORK)


def _lines(sections: Mapping[str, Section]) -> Iterator[str]:
    yield _HEAD
    yield from _runs(sections)
    yield "## Targets\n"
    yield "| target | measured | |"
    yield "|---|---|---|"
    yield from (f"| {each.target} | {each.measured} | {_VERDICTS[each.met]} |" for each in outcomes(sections))
    yield ""
    for section in sections.values():
        yield from _section(section)
    yield from _growth(sections)


def _runs(sections: Mapping[str, Section]) -> Iterator[str]:
    yield "## The run\n"
    yield "```"
    told = [report.machine(section.machine) for section in sections.values()]
    yield from (told[-1] if told else [])
    yield "```\n"
    yield "| section | begun | load then | took | size |"
    yield "|---|---|---|--:|---|"
    for section in sections.values():
        took = f"{section.seconds:.0f} s"
        yield f"| {_TITLES[section.name]} | {section.machine.date} | {section.machine.load} | {took} | {section.size} |"
    yield ""
    absent = {name: reason for section in sections.values() for name, reason in section.measured.absent.items()}
    for name, reason in absent.items():
        yield f"{name} was not measured: {reason}.\n"


def _section(section: Section) -> Iterator[str]:
    yield f"## {_TITLES[section.name]}\n"
    for figure in section.measured.figures:
        yield f"### {figure.title}\n"
        yield f"![{figure.title}]({CHARTS}/{_name(figure)}.svg)\n"
        yield from report.table(figure)
        yield ""
        if figure.note:
            yield f"{figure.note}\n"
        if figure.key == profile.FLOOR:
            yield from _floor(figure)


def _floor(figure: Figure) -> Iterator[str]:
    bare = figure.find(BARE)
    if bare is None:
        return
    found = estimates.ratio(figure.series[0].values, bare.values, paired=True)
    yield (
        f"A life over HTTP takes {told(found)} times what the kernel takes for the same namespaces, cgroups,\n"
        "mounts, masks, filter and exec by a loop in C (`tests/bench/floor.c`), which reads no specification,\n"
        "checks nothing, keeps no record and no output.\n"
    )


def _growth(sections: Mapping[str, Section]) -> Iterator[str]:
    growths = [growth for section in sections.values() for growth in section.measured.growths]
    if not growths:
        return
    yield "## Growth\n"
    yield "Ten times the work, and what it costs then, in total. No cost is to grow faster than its work.\n"
    yield f"![What ten times the work costs]({CHARTS}/growth.svg)\n"
    yield from report.growth_table(growths)


def _name(figure: Figure) -> str:
    return figure.key.replace(".", "-")
