"""R21: of many containers made at once, each has what was asked for it, and nothing of another's. [CVE-2020-14370]"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.oci import bundle as bundles
from tests.oci.bundle import MOUNTS
from tests.oci.containers import Containers, cgroups_of, eventually
from tests.oci.runtime import Result
from tests.security.conftest import Often

AT_ONCE = 6
SHOW = (
    "env; hostname; umask; pwd; cat /own/secret /etc/secret; id -u; id -G; ulimit -n; cut -d' ' -f5 /proc/self/mountinfo; "
    "cat /proc/sys/kernel/msgmax; grep -E 'CapBnd|Seccomp:' /proc/self/status; mkdir /tmp/made 2>&1; cat /proc/self/cgroup"
)


def secret(number: int) -> str:
    return f"unique-{number:05}-of-one"


def unique(number: int, place: Path, container_id: str) -> dict[str, Any]:
    """A document in which nearly everything has the number in it."""
    own = place / f"own{number}"
    own.mkdir()
    (own / "secret").write_text(secret(number) + "\n")
    error = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}
    return {
        "linux.cgroupsPath": f"/{container_id}",
        "process.args": ["/bin/sh", "-c", SHOW],
        "process.env": ["PATH=/bin", f"SECRET={secret(number)}"],
        "process.user": {"uid": 1000 + number, "gid": 1000 + number, "umask": number % 0o77},
        "process.rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100 + number % 400, "hard": 1000}],
        "hostname": f"h{number:05}",
        "linux.sysctl": {"kernel.msgmax": str(8192 + number)},
        "mounts": [*MOUNTS, {"destination": "/own", "type": "bind", "source": str(own), "options": ["rbind", "ro"]}],
        "annotations": {"secret": secret(number)},
        **({"linux.seccomp": error} if number % 2 else {}),
    }


def hold(number: int, result: Result, container_id: str) -> None:
    told = result.ok().stdout
    assert set(re.findall(r"unique-\d+-of-one", told)) == {secret(number)}
    lines = told.splitlines()
    assert f"h{number:05}" in lines
    assert str(1000 + number) in lines
    assert f"{number % 0o77:04o}" in lines
    assert str(100 + number % 400) in lines
    assert str(8192 + number) in lines
    assert f"Seccomp:\t{2 if number % 2 else 0}" in lines
    assert ("Operation not permitted" in told) == bool(number % 2)
    assert container_id in told


@pytest.fixture
def bundle_of(oci: Containers, place: Path) -> Iterator[Any]:
    """Bundles beside each other, with one root file system."""
    made: list[Path] = []

    def make(number: int, container_id: str) -> Path:
        folder = place / f"bundle{number}"
        folder.mkdir()
        (folder / "rootfs").symlink_to(oci.rootfs)
        bundles.write(folder, {"root.path": str(oci.rootfs), **unique(number, place, container_id)})
        made.append(folder)
        return folder

    yield make
    for folder in made:
        shutil.rmtree(folder)


def test_many_at_once_have_nothing_of_each_other(oci: Containers, bundle_of: Any, often: Often) -> None:
    (oci.rootfs / "tmp").chmod(0o1777)
    (oci.rootfs / "etc/secret").write_text("")
    numbers = range(often(12, 500))

    def run(number: int) -> None:
        container_id = f"{oci.prefix}-{number}"
        folder = bundle_of(number, container_id)
        hold(number, oci.runtime("run", "--bundle", folder, container_id), container_id)
        assert not list(cgroups_of(container_id))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, numbers))
    assert json.loads(oci.runtime("list", "--format", "json").ok().stdout or "[]") in ([], None)


def test_those_who_enter_have_nothing_of_each_other(oci: Containers, often: Often) -> None:
    box = oci.start()
    numbers = range(often(8, 500))

    def run(number: int) -> None:
        options = ("--env", f"SECRET={secret(number)}", "--user", f"{number}:{number}", "--cwd", "/tmp")
        told = oci.runtime("exec", *options, box.id, "/bin/sh", "-c", "env; id -u").ok().stdout
        assert set(re.findall(r"unique-\d+-of-one", told)) == {secret(number)}
        assert str(number) in told.splitlines()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, numbers))


@pytest.mark.lacks("runc", "begins in the bundle, or where its caller is")
@pytest.mark.lacks("crun", "begins in the bundle")
@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "poststart", "poststop"])
def test_a_hook_has_nothing_of_its_callers(oci: Containers, place: Path, kind: str) -> None:
    """Neither the environment nor the directory of whoever has called the runtime, nor what that has open."""
    told_to = place / kind
    show = f"cat >/dev/null; {{ pwd; env; ls -l /proc/$$/fd; }} >{told_to}.new; mv {told_to}.new {told_to}"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", show], "env": ["PATH=/bin:/usr/bin", "OWN=1"]}
    asked = {"process.args": ["/bin/sleep", "1000"], "hooks": {kind: [hook]}}
    with (place / "callers").open("w") as opened:
        os.set_inheritable(opened.fileno(), True)  # noqa: FBT003 - os's own signature
        box = oci.start(asked, env={"SECRET": secret(1)}, cwd=place, pass_fds=[opened.fileno()])
    box.delete("--force").ok()
    eventually(told_to.exists, what="the hook's word")
    told = told_to.read_text()
    assert secret(1) not in told
    assert "OWN=1" in told.splitlines()
    assert "/callers" not in told
    assert told.splitlines()[0] == "/"
