"""A few seconds of fuzzing for each target; `make fuzz MINUTES=n` goes on for longer.

Not in a whole run of the tests: beside that one each target is fuzzed for a minute (`tests.fuzz.beside`).
"""

import os
from pathlib import Path

import pytest

from tests.fuzz.beside import AVAILABLE
from tests.fuzz.running import fuzz
from tests.fuzz.targets import TARGETS

SECONDS = 6
LEAST = 100

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="there is no atheris for this machine, or Python")


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found(target: str, tmp_path: Path) -> None:
    kept = Path(os.environ.get("PYCONTAINERD_FUZZ_KEPT", tmp_path))
    outcome = fuzz(target, SECONDS, kept)
    assert outcome.found is None, outcome.told[-5000:]
    assert outcome.executed > LEAST, outcome.told[-2000:]
