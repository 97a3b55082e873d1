"""net_cls and net_prio, which few hosts mount: in a mount namespace of the test's own, which leaves the host as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import os, subprocess, sys, time
from containerd_py.errors import InvalidArgument
from containerd_py.runtime.cgroups import layout, manager
from containerd_py.runtime.cgroups.resources import Resources

folder = sys.argv[1]
MOUNT, UMOUNT = ["mount", "-t", "cgroup", "-o", "net_cls,net_prio", "none", folder], ["umount", folder]
subprocess.run(MOUNT, check=True)
cgroups = manager.CgroupManager(layout.probe())
name = f"/pycontainerd-test-{os.getpid()}"
cgroup = cgroups.create(name, Resources(net_class=0x100001, net_priorities=(("lo", 5),)))
print(open(f"{folder}{name}/net_cls.classid").read().strip())
print([line for line in open(f"{folder}{name}/net_prio.ifpriomap") if line.startswith("lo ")])
cgroup = cgroups.update(cgroup, Resources(net_class=7))
print(open(f"{folder}{name}/net_cls.classid").read().strip())
try:
    cgroups.update(cgroup, Resources(net_priorities=(("nothing0", 5),)))
except InvalidArgument as problem:
    print(problem.message, "|", problem.hint)
manager.remove_wait(cgroup, timeout_s=5)

# A hierarchy goes with its last mount, unless a cgroup that was removed is still being let go of: then with the next one.
for attempt in range(20):
    subprocess.run(UMOUNT, check=True)
    until = time.monotonic() + 1
    while (there := ":net_cls,net_prio:" in open("/proc/self/cgroup").read()) and time.monotonic() < until:
        time.sleep(0.01)
    if not there:
        break
    subprocess.run(MOUNT, check=True)
else:
    sys.exit("the hierarchy stays")
"""


def test_classes_and_priorities(tmp_path: Path) -> None:
    known = {line.split()[0]: line.split()[1] for line in Path("/proc/cgroups").read_text().splitlines()[1:]}
    if not {"net_cls", "net_prio"} <= set(known):
        pytest.skip("a kernel without net_cls and net_prio")
    if known["net_cls"] != "0" or known["net_prio"] != "0":
        pytest.skip("they are mounted somewhere, and a second hierarchy cannot have them")
    command = ("unshare", "--mount", "--propagation", "private", sys.executable, "-c", SCRIPT, str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "1048577",
        "['lo 5\\n']",
        "7",
        "cannot set net_prio.ifpriomap to 'nothing0 5': No such device (linux.resources.network.priorities)"
        " | there is no such device or interface",
    ]
