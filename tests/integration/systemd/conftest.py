"""The package that guests install, built once; and what each guest has found, once too."""

import fcntl
import os
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.systemd.guests import Guest, build_package

_LIMIT_S = 1200


@dataclass(frozen=True)
class Verdict:
    """The results of one test inside, a case of each parametrisation."""

    failures: tuple[str, ...]
    skipped: str | None


@dataclass(frozen=True)
class Findings:
    """by_test: by "module::function". told: what the guest said."""

    by_test: dict[str, Verdict]
    told: str


class Campaign:
    """Boots each guest at most once, when its first result is asked for: in no other process of this run, either."""

    def __init__(self, package: Path, folder: Path, shared: Path) -> None:
        self._package = package
        self._folder = folder
        self._shared = shared
        self._found: dict[str, Findings] = {}

    def findings(self, guest: Guest) -> Findings:
        if guest.name not in self._found:
            self._found[guest.name] = self._run(guest)
        return self._found[guest.name]

    def _run(self, guest: Guest) -> Findings:
        try:
            (self._shared / f"guest {guest.name}").mkdir()
        except FileExistsError:
            pytest.fail(f"{guest.name} was booted before: that broke off, or its tests are not all in one process")
        out = self._folder / guest.name
        out.mkdir()
        (out / self._package.name).hardlink_to(self._package)
        # A guest of User Mode Linux has a file of this machine open for each one that it remembers.
        forget = "echo 2 >/proc/sys/vm/drop_caches" if guest.fetched else ":"
        install = f"dpkg --install --no-triggers --force-unsafe-io /out/{self._package.name}"
        modules = " ".join(f"tests/systemd/{module}.py" for module in guest.modules) or "tests/systemd"
        script = f"""
            {install} >/out/install.log 2>&1 || {{ cat /out/install.log; exit 3; }}
            {forget}
            exec {sys.executable} -m pytest -q -p no:cacheprovider -p no:hypothesispytest \\
                --junitxml /out/junit.xml {modules}
        """
        done = guest.run("bash", "-c", script, out=out, timeout_s=_LIMIT_S)
        told = f"{done.stdout}\n{done.stderr}"
        report = out / "junit.xml"
        return Findings(_read(report) if report.exists() else {}, told)


def _read(report: Path) -> dict[str, Verdict]:
    cases: dict[str, list[ET.Element]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own pytest has written it
        module = case.get("classname", "").rpartition(".")[2]
        cases.setdefault(f"{module}::{case.get('name', '').partition('[')[0]}", []).append(case)
    return {name: _verdict(found) for name, found in cases.items()}


def _verdict(cases: list[ET.Element]) -> Verdict:
    bad = [part for case in cases for kind in ("failure", "error") for part in case.iter(kind)]
    skips = [part.get("message") or "" for case in cases for part in case.iter("skipped")]
    return Verdict(tuple(part.text or "" for part in bad), skips[0] if len(skips) == len(cases) else None)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run: of all its processes, where there are several."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def package(shared: Path) -> Path:
    """Where tests run in several processes, the first one that needs it builds it for all."""
    folder = shared / "package"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return next(folder.glob("*.deb"), None) or build_package(folder)


@pytest.fixture(scope="session")
def campaign(package: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return Campaign(package, tmp_path_factory.mktemp("guests"), shared)
