"""A workshop for containers of the library."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.runtime.workshop import Workshop, open_workshop


@pytest.fixture
def shop(rootfs: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Workshop]:
    with open_workshop(rootfs, lambda: "".join(capfd.readouterr())) as workshop:
        yield workshop
