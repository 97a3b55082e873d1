"""Programs of attackers: C sources in `sources/`, compiled without need of anything that an image would have to bring."""

import subprocess
from pathlib import Path

_SOURCES = Path(__file__).parent / "sources"
_WAYS = {
    "first": ("-static-pie", "-fPIE", "-nostdlib", "-fno-stack-protector", "-fcf-protection=none"),
    "loader": ("-static-pie", "-fPIE", "-nostdlib", "-fno-stack-protector", "-fcf-protection=none"),
    "trap": ("-shared", "-fPIC", "-nostdlib", "-fno-stack-protector"),
}
_STATIC = ("-static",)


def build(name: str, folder: Path) -> Path:
    """Compile a program into the folder; return its path."""
    made = folder / name
    command = ["gcc", "-O1", "-Wall", "-Werror", *_WAYS.get(name, _STATIC), "-o", str(made), str(_SOURCES / f"{name}.c")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return made
