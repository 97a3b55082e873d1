"""What the host has."""

import pytest

from containerd_py.runtime.host import boot_id, parse_release, probe


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.18.44-generic", (6, 18)),
        ("5.14.0", (5, 14)),
        ("5.4", (5, 4)),
        ("10.0-rc1+", (10, 0)),
        ("6", (0, 0)),
        ("", (0, 0)),
        ("linux-6.1", (0, 0)),
    ],
)
def test_releases(release: str, expected: tuple[int, int]) -> None:
    assert parse_release(release) == expected


def test_kernels_are_compared_as_numbers() -> None:
    assert parse_release("5.9.1") < parse_release("5.14.0") < parse_release("10.0.0")


def test_probing_names_its_flags() -> None:
    assert set(probe().flags()) == {"cgroup_kill", "clone_into_cgroup", "executable_memfd", "pidfd_exit_info"}


def test_the_boot_stays_the_same() -> None:
    assert boot_id() == boot_id()
    assert len(boot_id()) == 36
