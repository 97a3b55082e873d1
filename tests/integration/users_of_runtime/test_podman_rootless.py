"""podman of an ordinary user, who has ids to give."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.users_of_runtime.podman import IMAGE, Podman, eventually
from tests.integration.users_of_runtime.programs import OciRuntime, make_runtime, required
from tests.oci.exposing import exposing

pytestmark = pytest.mark.xdist_group("podman")

_UID = 1000
_BECOME_USER = """
for name in passwd group subuid subgid; do mount --bind "$0/$name" "/etc/$name" || exit 125; done
exec setpriv --reuid=1000 --regid=1000 --clear-groups env "HOME=$0/home" "XDG_RUNTIME_DIR=$0/run" "$@"
"""


@pytest.fixture
def rootless(runtime: OciRuntime, workshop: Path, image: Path) -> Iterator[Podman]:
    """In a mount namespace of its own, where the user is known: the machine's files stay as they are."""
    required("podman", "conmon", "newuidmap", "setpriv")
    folder = workshop / "rootless"
    folder.mkdir()
    (folder / "passwd").write_text(f"root:x:0:0::/root:/bin/sh\nann:x:{_UID}:{_UID}::{folder}/home:/bin/sh\n")
    (folder / "group").write_text(f"root:x:0:\nann:x:{_UID}:\n")
    for name in ("subuid", "subgid"):
        (folder / name).write_text("ann:200000:65536\n")
    for name in ("", "home", "run"):
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, _UID, _UID)
    script = exposing(folder) + _BECOME_USER
    before = ("unshare", "--mount", "--propagation", "slave", "/bin/sh", "-c", script, str(folder))
    # Its state is the user's: what lies in others' directories it does not trust.
    made = Podman(folder, make_runtime(runtime.name, folder, folder / "run/state"), before=before)
    made("import", image, IMAGE).ok()
    try:
        yield made
    finally:
        made.remove_all()
        eventually(lambda: not made.runtime.left(), "nothing is in the runtime's state")
        made("system", "migrate").ok()  # ends the process that keeps the user's namespaces
        shutil.rmtree(folder)


def test_a_container_of_a_user(rootless: Podman) -> None:
    script = "id -u; cat /proc/self/uid_map; touch /made && echo made; exit 7"
    told = rootless("run", "--rm", "--interactive", IMAGE, "sh", "-c", script)
    assert told.code == 7, told
    assert told.stdout.split() == ["0", "0", str(_UID), "1", "1", "200000", "65536", "made"]


def test_what_runs_is_controlled(rootless: Podman) -> None:
    script = "trap 'exit 3' TERM; while :; do sleep 0.05; done"
    rootless("run", "--detach", "--name", "box", IMAGE, "sh", "-c", script).ok()
    assert rootless("exec", "box", "sh", "-c", "echo out; exit 5").code == 5
    rootless("stop", "--time", "10", "box").ok()
    assert rootless("inspect", "--format", "{{.State.ExitCode}}", "box").ok().stdout == "3\n"


def test_a_user_keeps_the_own_id(rootless: Podman) -> None:
    """In a user namespace that podman makes in its own: the document has one then. Devices are bound, not made."""
    script = "id -u; touch /dev/shm/made && ls -ln /dev/shm/made | tr -s ' ' | cut -d' ' -f3; echo x >/dev/null"
    told = rootless("run", "--rm", "--userns", "keep-id", "--cgroupns", "private", IMAGE, "sh", "-c", script)
    assert told.ok().stdout.split() == [str(_UID), str(_UID)], told


def test_what_the_caller_lies_in_is_seen_but_not_changed(rootless: Podman) -> None:
    """Nobody has delegated a cgroup to this user, so the container has none of its own."""
    script = (
        "cd /sys/fs/cgroup; test -e memory/cgroup.procs -o -e cgroup.procs && echo seen; for d in . */; do mkdir $d/x; done"
    )
    told = rootless("run", "--rm", IMAGE, "sh", "-c", f"{script} 2>/dev/null; true")
    assert told.ok().stdout.split() == ["seen"], told
