"""The results as a table for people."""

from collections.abc import Iterator

from tests.bench.figures import Laps, Machine, Residence, Results
from tests.bench.memory import Held

OURS = "pycontainerd"


def table(results: Results) -> str:
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield from _machine(results.machine)
    yield ""
    yield f"A container's life, /bin/true, {results.rounds} rounds     median        p95   ours to it: median    p95"
    yield from _contestants(results.laps)
    yield ""
    yield "Ours by request                              median        p95"
    for name, spread in results.laps.requests.items():
        yield f"  {name:<38}{spread.median_ms:>8.2f} ms{spread.p95_ms:>8.2f} ms"
    yield ""
    yield "Start of the daemon to its first answer      median        p95"
    yield f"  {'10 starts':<38}{results.starts.median_ms:>8.0f} ms{results.starts.p95_ms:>8.0f} ms"
    yield ""
    yield from _residence(results.residence)
    yield ""
    yield "Timeline, the 10 greatest costs of a container"
    for name, cost_us in list(results.costs_us.items())[:10]:
        yield f"  {name:<38}{cost_us:>8.0f} µs"


def _machine(machine: Machine) -> Iterator[str]:
    yield f"{machine.date}, {machine.system}, kernel {machine.kernel}, Python {machine.python}"
    yield f"{machine.processor}, {machine.cores} cores, load {machine.load}, cgroups {machine.cgroups}"
    yield ", ".join(machine.versions)


def _contestants(laps: Laps) -> Iterator[str]:
    ours = laps.contestants[OURS]
    for name, spread in laps.contestants.items():
        row = f"  {name:<38}{spread.median_ms:>8.2f} ms{spread.p95_ms:>8.2f} ms"
        if name.startswith(("crun", "runc")):
            row += f"{ours.median_ms / spread.median_ms:>18.2f} ×{ours.p95_ms / spread.p95_ms:>6.2f} ×"
        yield row


def _residence(residence: Residence) -> Iterator[str]:
    count = residence.containers
    yield "Memory, MiB: Pss (Rss)                       daemon         spawner         workers"
    yield _row("idle, never had a container", residence.idle)
    yield _row("0 containers, after the rounds", residence.after_rounds)
    yield _row(f"{count} created, waiting for start", residence.created)
    yield _row(f"{count} running", residence.running)
    for status, situation in (("created", residence.created), ("running", residence.running)):
        pss = (situation.all.pss_kib - residence.after_rounds.all.pss_kib) / count
        rss = (situation.all.rss_kib - residence.after_rounds.all.rss_kib) / count
        yield f"  of it for each {status} container, KiB {pss:>7.0f} ({rss:5.0f})"


def _row(name: str, held: Held) -> str:
    cells = (
        f"{part.pss_kib / 1024:7.1f} ({part.rss_kib / 1024:5.1f})" for part in (held.daemon, held.spawner, held.workers)
    )
    return f"  {name:<34}" + "  ".join(cells)
