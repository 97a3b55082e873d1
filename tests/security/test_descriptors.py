"""R3: nothing that the runtime has open is a way out for what it starts. [CVE-2016-9962, CVE-2024-21626]

That a payload, a further process and what waits for its start have nothing open but their streams is shown in tests/oci.
"""

import os
from pathlib import Path

import pytest

from tests.oci.containers import Containers
from tests.security.conftest import SENTINEL, Often

_FIRST, _SAMPLE, _ALL = 3, 12, 65
UP = "../" * 12

LOOK = "cat {up}{secret} 2>/dev/null; ls {up} 2>/dev/null; true"


def numbers(often: Often) -> range:
    return range(_FIRST, often(_SAMPLE, _ALL))


def look(outside: Path) -> list[str]:
    return ["/bin/sh", "-c", LOOK.format(up=UP, secret=str(outside / "sentinel").lstrip("/"))]


def test_a_working_directory_by_a_descriptor_leads_nowhere(oci: Containers, outside: Path, often: Often) -> None:
    for number in numbers(often):
        told = oci.run({"process.cwd": f"/proc/self/fd/{number}", "process.args": look(outside)})
        assert SENTINEL not in told.stdout, number
        assert told.code, number


def test_a_link_to_such_a_directory_leads_nowhere(oci: Containers, outside: Path, often: Often) -> None:
    for number in numbers(often):
        (oci.rootfs / "way").unlink(missing_ok=True)
        (oci.rootfs / "way").symlink_to(f"/proc/self/fd/{number}")
        told = oci.run({"process.cwd": "/way", "process.args": look(outside)})
        assert SENTINEL not in told.stdout, number


def test_nor_does_that_of_a_further_process(oci: Containers, outside: Path, often: Often) -> None:
    box = oci.start()
    for number in numbers(often):
        told = box.exec("--cwd", f"/proc/self/fd/{number}", "--", *look(outside))
        assert SENTINEL not in told.stdout, number
        assert told.code or told.stdout.split() == sorted(os.listdir(oci.rootfs)), number


@pytest.fixture
def program(place: Path) -> str:
    """A program of the host's, by its way from a directory of the host's."""
    made = place / "program"
    made.write_text("#!/bin/sh\necho of the host\n")
    made.chmod(0o755)
    return UP + str(made).lstrip("/")


def test_no_program_is_found_by_a_descriptor(oci: Containers, program: str, often: Often) -> None:
    for number in numbers(often):
        told = oci.run({"process.args": [f"/proc/self/fd/{number}/{program}"]})
        assert (told.stdout, bool(told.code)) == ("", True), number


def test_nor_for_a_further_process(oci: Containers, program: str, often: Often) -> None:
    box = oci.start()
    for number in numbers(often):
        told = box.exec(f"/proc/self/fd/{number}/{program}")
        assert (told.stdout, bool(told.code)) == ("", True), number
