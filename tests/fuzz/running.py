"""Fuzzing of a target for a while: by atheris, from the corpus that is kept, and what it finds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")
_ROOT = Path(__file__).resolve().parents[2]
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_COVERED = re.compile(r"cov: (\d+)")
_WORD = re.compile(rb'"[A-Za-z_][A-Za-z0-9_.-]{1,40}"')
_LONGEST, _SLOWEST_S, _MIB = 8192, 20, 2048
_PATIENT_S = 300


@dataclass(frozen=True)
class Outcome:
    """executed: inputs; covered: edges; found: the file of an input that was not dealt with, None where all were."""

    executed: int
    covered: int
    found: Path | None
    told: str


def seeds(target: str) -> list[Path]:
    return sorted((CORPUS / target).iterdir())


def fuzz(target: str, seconds: int, kept: Path, *, seed: int = 0, patient: bool = False) -> Outcome:
    """kept: a directory for what is found, and, in corpus/TARGET, for inputs that reach something new.

    seed: 0 for another one each time. patient: an input may take long, since others have the processors.
    """
    grown = kept / "corpus" / target
    grown.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        words = Path(scratch, "words")
        dictionary = _dictionary(target)
        words.write_text("".join(f"{word}\n" for word in dictionary))
        flags = (
            *(
                f"-max_total_time={seconds}",
                f"-max_len={_LONGEST}",
                f"-timeout={_PATIENT_S if patient else _SLOWEST_S}",
                f"-rss_limit_mb={_MIB}",
            ),
            *(f"-artifact_prefix={kept}/{target}-", f"-seed={seed}", "-print_final_stats=1"),
            *((f"-dict={words}",) if dictionary else ()),
        )
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.process", target, *flags, str(grown), str(CORPUS / target)],
            cwd=_ROOT,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    told = done.stdout + done.stderr
    executed, covered = _last(_EXECUTED, told), _last(_COVERED, told)
    if done.returncode == 0:
        return Outcome(executed, covered, None, told)
    files = sorted(kept.glob(f"{target}-*"), key=lambda path: path.stat().st_mtime)
    return Outcome(executed, covered, files[-1] if files else kept, told)


def _last(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.findall(text)
    return int(found[-1]) if found else 0


def _dictionary(target: str) -> list[str]:
    """Return the words of the corpus, as libFuzzer wants them: what a mutation is to put in as a whole."""
    words = {word for path in seeds(target) for word in _WORD.findall(path.read_bytes())}
    return sorted('"\\"' + word.decode()[1:-1] + '\\""' for word in words)
