"""The results as a table for people."""

from collections.abc import Iterator

from tests.bench.figures import Laps, Living, Load, Machine, Residence, Results
from tests.bench.memory import Held
from tests.bench.runtimes import PLAIN

OURS = "pycontainerd"


def table(results: Results) -> str:
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield from _machine(results.machine)
    yield ""
    yield f"A container's life, /bin/true, {results.rounds} rounds     median        p95   ours to it: median    p95"
    yield from _contestants(results.laps)
    yield ""
    yield "Whole processes                              median        p95   to runc's: median    p95"
    yield from _pyrunc(results.laps)
    yield ""
    yield "Ours by request                              median        p95"
    for name, spread in results.laps.requests.items():
        yield f"  {name:<38}{spread.median_ms:>8.2f} ms{spread.p95_ms:>8.2f} ms"
    yield ""
    yield "Start of the daemon to its first answer      median        p95"
    yield f"  {f'{min(10, results.rounds)} starts':<38}{results.starts.median_ms:>8.0f} ms{results.starts.p95_ms:>8.0f} ms"
    yield ""
    yield from _residence(results.residence)
    yield ""
    yield "Timeline, the 10 greatest costs of a container"
    for name, cost_us in list(results.costs_us.items())[:10]:
        yield f"  {name:<38}{cost_us:>8.0f} µs"
    yield ""
    yield from _living(results.living)
    if results.load is not None:
        yield ""
        yield from load_table(results.load)


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


def _pyrunc(laps: Laps) -> Iterator[str]:
    """Whole processes, the interpreter's start included."""
    for way in ("", PLAIN):
        ours, theirs = laps.contestants[f"pyrunc{way}"], laps.contestants[f"runc{way}"]
        row = f"  {f'pyrunc to runc{way}':<38}{ours.median_ms:>8.2f} ms{ours.p95_ms:>8.2f} ms"
        yield row + f"{ours.median_ms / theirs.median_ms:>18.2f} ×{ours.p95_ms / theirs.p95_ms:>6.2f} ×"


def _living(living: Living) -> Iterator[str]:
    for title, rows in (
        ("A program executed in a container that runs", living.executed),
        ("A client's whole run, started for it", living.clients),
    ):
        yield f"{title:<45}median        p95   ours to it: median    p95"
        ours = next(iter(rows.values()))
        for number, (name, spread) in enumerate(rows.items()):
            row = f"  {name:<38}{spread.median_ms:>8.2f} ms{spread.p95_ms:>8.2f} ms"
            if number:
                row += f"{ours.median_ms / spread.median_ms:>18.2f} ×{ours.p95_ms / spread.p95_ms:>6.2f} ×"
            yield row
        yield ""
    yield "Ours, of a container that runs               median        p99"
    for name, spread in (living.ended | living.told).items():
        yield f"  {name:<38}{spread.median_ms:>8.2f} ms{spread.p99_ms:>8.2f} ms"


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


def load_table(load: Load) -> Iterator[str]:
    crowd, output = load.crowd, load.output
    yield "Starts                                       median        p99      a second"
    for rate in crowd.rates:
        name, starts = f"{rate.started}, {rate.in_flight} in flight", rate.starts
        yield f"  {name:<38}{starts.median_ms:>8.1f} ms{starts.p99_ms:>8.1f} ms{rate.per_s:>14.1f}"
    yield ""
    yield f"{crowd.running} containers run"
    yield f"  {'list all of them':<38}{crowd.lists.median_ms:>8.1f} ms{crowd.lists.p99_ms:>8.1f} ms"
    yield f"  {'inspect one':<38}{crowd.inspects.median_ms:>8.1f} ms{crowd.inspects.p99_ms:>8.1f} ms"
    yield f"  {'our memory for each, Pss':<38}{crowd.kib_per_container:>8.1f} KiB"
    yield f"  {'our processor time, all asleep':<38}{crowd.idle_cpu_percent:>8.2f} % of one CPU"
    yield f"  {'a daemon after a crash, to its answer':<38}{crowd.restart_s * 1e3:>8.0f} ms"
    yield ""
    yield "Output of one container"
    yield f"  {f'attach {output.clients} clients':<38}{output.attached_s * 1e3:>8.1f} ms"
    for name, volume in (
        ("into the log", output.logged.written),
        ("out of the log, by our client", output.logged.read),
        ("to one attached client", output.to_client),
        (f"to {output.clients} attached clients, together", output.fanned_out),
    ):
        yield f"  {name:<38}{volume.mib_per_s:>8.0f} MiB/s"
    if isinstance(output.podman, str):
        yield f"  {output.podman}"
        return
    yield f"  {'podman, into its log':<38}{output.podman.written.mib_per_s:>8.0f} MiB/s"
    yield f"  {'podman, out of it by `podman logs`':<38}{output.podman.read.mib_per_s:>8.0f} MiB/s"
