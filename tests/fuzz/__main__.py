"""Fuzz: python -m tests.fuzz [--minutes N] [TARGET ...]; two at a time. Findings and the grown corpus lie in build/fuzz.

What is found becomes a file of tests/fuzz/corpus/TARGET once it is mended: tests/fuzz/test_corpus.py tries all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.running import fuzz
from tests.fuzz.targets import TARGETS

_TOLD = 3000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=1, help="for each target (default: 1)")
    parser.add_argument("--beside", type=int, default=2, help="so many at a time (default: 2)")
    parser.add_argument("--kept", type=Path, default=Path("build/fuzz"), metavar="DIR")
    parser.add_argument("--idle", action="store_true", help="only when nobody else wants the processors (SCHED_IDLE)")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if options.idle:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    kept = options.kept.resolve()
    failed = False
    with ThreadPoolExecutor(options.beside) as pool:
        wanted = options.targets or TARGETS
        for target, outcome in zip(
            wanted,
            pool.map(lambda name: fuzz(name, round(options.minutes * 60), kept, patient=options.idle), wanted),
            strict=True,
        ):
            sys.stdout.write(f"{target:18} {outcome.executed:10} inputs  {outcome.covered:6} edges\n")
            sys.stdout.flush()
            if outcome.found is not None:
                failed = True
                sys.stdout.write(f"{outcome.told[-_TOLD:]}\nnot dealt with: {outcome.found}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
