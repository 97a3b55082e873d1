"""The sections of the bench, in the order in which they run and stand on the page."""

from collections.abc import Callable, Mapping

from tests.bench.figures import Measured
from tests.bench.ground import Ground
from tests.bench.sections import crowd, ending, execs, lifecycle, output, profile, residence, throughput

SECTIONS: Mapping[str, Callable[[Ground], Measured]] = {
    "lifecycle": lifecycle.measure,
    "throughput": throughput.measure,
    "exec": execs.measure,
    "end": ending.measure,
    "memory": residence.measure,
    "output": output.measure,
    "crowd": crowd.measure,
    "profile": profile.measure,
}
