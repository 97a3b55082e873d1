"""A few seconds of fuzzing for each target; `make fuzz MINUTES=n` goes on for longer."""

import os
import platform
import sys
from pathlib import Path

import pytest

from tests.fuzz.running import fuzz
from tests.fuzz.targets import TARGETS

SECONDS = 6
LEAST = 100

pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or sys.version_info >= (3, 14), reason="there is no atheris for this machine, or Python"
)


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found(target: str, tmp_path: Path) -> None:
    kept = Path(os.environ.get("PYCONTAINERD_FUZZ_KEPT", tmp_path))
    outcome = fuzz(target, SECONDS, kept)
    assert outcome.found is None, outcome.told[-5000:]
    assert outcome.executed > LEAST, outcome.told[-2000:]
