"""Each command: what it asks of the library, what it prints, and how it ends."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from containerd_py.cli.oci.commands.ps import only
from containerd_py.errors import Conflict, Internal, InvalidArgument
from containerd_py.runtime.linux.pidfd import WaitStatus
from containerd_py.runtime.spec.linux import SECCOMP_ACTIONS
from containerd_py.runtime.spec.models import parse
from containerd_py.runtime.spec.mount_options import KNOWN_OPTIONS
from tests.unit.cli.oci.conftest import DOCUMENT, Called, Library, Pyrunc


def configure(bundle: Path, **process: Any) -> None:
    document = {**DOCUMENT, "process": {**DOCUMENT["process"], **process}}
    (bundle / "config.json").write_text(json.dumps(document))


# ── create, start, run, delete ───────────────────────────────────────────────────────────────────────────────────────


def test_create_makes_what_the_bundle_says(pyrunc: Pyrunc, library: Library, bundle: Path, tmp_path: Path) -> None:
    result = pyrunc("create", "--bundle", str(bundle), "--pid-file", str(tmp_path / "pid"), "box")
    assert (result.code, result.stdout, result.stderr) == (0, "", "")
    (made,) = library.made
    assert made["id"] == "box"
    assert made["bundle"] == str(bundle)
    assert made["state_root"] == str(pyrunc.root)
    assert (made["console_socket"], made["preserve_fds"]) == (None, ())
    assert made["spec"].process.args == ("/bin/true",)
    assert library.containers["box"].heard == []
    assert (tmp_path / "pid").read_text() == str(os.getpid())


def test_create_reads_another_file_of_the_bundle(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    (bundle / "configs").mkdir()
    (bundle / "config.json").rename(bundle / "configs" / "other.json")
    assert pyrunc("create", "-b", str(bundle), "--config", "configs/other.json", "box").code == 0
    assert pyrunc("create", "-b", str(bundle), "-f", str(bundle / "configs" / "other.json"), "another").code == 0
    assert [made["id"] for made in library.made] == ["box", "another"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pidfd-socket", "/no/such"], "pidfd socket"),
        (["--console-socket", "/x"], "--console-socket"),
        (["--preserve-fds", "5000"], "not open"),
    ],
)
def test_create_refuses_before_anything_is_made(
    pyrunc: Pyrunc, library: Library, bundle: Path, options: list[str], told: str
) -> None:
    result = pyrunc("create", "-b", str(bundle), *options, "box")
    assert (result.code, library.made) == (1, [])
    assert told in result.stderr


@pytest.mark.parametrize(("options", "new"), [([], True), (["--no-new-keyring"], False)])
def test_whose_keyring_the_payload_has(
    pyrunc: Pyrunc, library: Library, bundle: Path, options: list[str], *, new: bool
) -> None:
    assert pyrunc("create", "-b", str(bundle), *options, "box").code == 0
    assert library.made[0]["new_keyring"] is new


@pytest.mark.parametrize("options", [["--cgroup-manager", "disabled"], ["--rootless=false"]])
def test_what_no_container_can_be_made_with_is_refused(
    pyrunc: Pyrunc, library: Library, bundle: Path, options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert pyrunc(*options, "create", "-b", str(bundle), "box").code == 1
    assert library.made == []


@pytest.mark.parametrize(
    ("options", "by_systemd"),
    [
        ([], False),
        (["--systemd-cgroup"], True),
        (["--cgroup-manager=systemd"], True),
        (["--cgroup-manager=cgroupfs"], False),
    ],
)
def test_who_makes_the_cgroup(
    pyrunc: Pyrunc, library: Library, bundle: Path, options: list[str], *, by_systemd: bool
) -> None:
    assert pyrunc(*options, "create", "-b", str(bundle), "box").code == 0
    assert library.made[0]["systemd_cgroup"] is by_systemd


def test_an_empty_path_of_a_console_socket_is_none(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    assert pyrunc("create", "--console-socket", "", "-b", str(bundle), "box").code == 0
    assert library.made[0]["console_socket"] is None


def test_a_terminal_needs_somebody_to_hold_it(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    configure(bundle, terminal=True)
    assert "console-socket" in pyrunc("create", "-b", str(bundle), "box").stderr
    assert "console-socket" in pyrunc("run", "-d", "-b", str(bundle), "box").stderr
    assert "console-socket" in pyrunc("run", "--console-socket", "/x", "-b", str(bundle), "box").stderr
    assert library.made == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"process": {"args": 7}}'])
def test_a_wrong_config_is_told(pyrunc: Pyrunc, library: Library, bundle: Path, text: str) -> None:
    (bundle / "config.json").write_text(text)
    result = pyrunc("create", "-b", str(bundle), "box")
    assert (result.code, library.made) == (1, [])
    assert result.stderr.count("\n") == 1


def test_a_missing_bundle_is_told(pyrunc: Pyrunc) -> None:
    assert "'/no/such/config.json': No such file or directory" in pyrunc("create", "-b", "/no/such", "box").stderr


def test_a_pid_file_that_cannot_be_written_undoes_the_creation(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    assert pyrunc("create", "-b", str(bundle), "--pid-file", "/no/such/file", "box").code == 1
    assert library.containers["box"].heard == [("destroy", True)]


def test_start_starts(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has(status="created")
    assert pyrunc("start", "box").code == 0
    assert box.heard == [("start",)]


@pytest.mark.parametrize(
    ("status", "code"), [(WaitStatus(7, None), 7), (WaitStatus(None, 9), 137), (WaitStatus(None, None), 1)]
)
def test_run_ends_as_the_payload_does(
    pyrunc: Pyrunc, library: Library, bundle: Path, monkeypatch: pytest.MonkeyPatch, status: WaitStatus, code: int
) -> None:
    monkeypatch.setattr("containerd_py.cli.oci.commands.run.set_child_subreaper", lambda: None)
    library_wait(library, status)
    result = pyrunc("run", "-b", str(bundle), "box")
    assert result.code == code
    assert library.containers["box"].heard[-1] == ("destroy", True)


def library_wait(library: Library, status: WaitStatus) -> None:
    has = library.has

    def made(*arguments: Any, **known: Any) -> Any:
        box = has(*arguments, **known)
        box.status = status
        return box

    library.has = made  # type: ignore[method-assign]


def test_run_detached_does_not_wait(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    assert pyrunc("run", "--detach", "-b", str(bundle), "box").code == 0
    assert library.containers["box"].heard == [("start",)]


def test_run_keeps_where_asked_to(pyrunc: Pyrunc, library: Library, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containerd_py.cli.oci.commands.run.set_child_subreaper", lambda: None)
    assert pyrunc("run", "--keep", "-b", str(bundle), "box").code == 0
    assert library.containers["box"].heard == [("start",), ("wait",)]


def test_run_undoes_what_it_cannot_start(pyrunc: Pyrunc, library: Library, bundle: Path, tmp_path: Path) -> None:
    has = library.has

    def failing(*arguments: Any, **known: Any) -> Any:
        box = has(*arguments, **known)
        box.fails["start"] = InvalidArgument("cannot execute '/x': No such file or directory")
        return box

    library.has = failing  # type: ignore[method-assign]
    pid_file = tmp_path / "pid"
    assert pyrunc("run", "-d", "-b", str(bundle), "--pid-file", str(pid_file), "box").code == 1
    assert library.containers["box"].heard == [("start",), ("destroy", True)]
    assert not pid_file.exists()


def test_delete_without_force_leaves_what_runs(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has()
    box.fails["destroy"] = Conflict("cannot destroy container 'box': it is running")
    assert pyrunc("delete", "box").code == 1
    assert box.heard == [("destroy", False)]


def test_delete_with_force_takes_what_is_not_there(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has()
    assert pyrunc("delete", "--force", "nobody").code == 0
    assert pyrunc("delete", "nobody").code == 1
    assert pyrunc("delete", "-f", "box").code == 0
    assert box.heard == [("destroy", True)]


def test_delete_takes_all_whose_ids_match(pyrunc: Pyrunc, library: Library) -> None:
    boxes = [library.has(name, "stopped") for name in ("box-1", "box-2", "other")]
    boxes[0].fails["destroy"] = Conflict("cannot destroy container 'box-1': it is running")
    called = pyrunc("delete", "--regex", "box-[0-9]")
    assert (called.code, "box-1" in called.stderr) == (1, True)
    assert [box.heard for box in boxes] == [[("destroy", False)], [("destroy", False)], []]
    assert pyrunc("delete", "-f", "-r", "nobody").code == 0
    called = pyrunc("delete", "-r", "a[")
    assert (called.code, "regular expression" in called.stderr) == (1, True)


def test_delete_with_force_takes_what_is_damaged_and_says_so(pyrunc: Pyrunc, library: Library) -> None:
    library.damaged = Internal("cannot read state of container 'box': broken")
    called = pyrunc("delete", "box")
    assert (called.code, library.discarded) == (1, [])
    called = pyrunc("delete", "--force", "box")
    assert (called.code, library.discarded) == (0, ["box"])
    assert called.stderr == (
        "pyrunc: removed container 'box', of which state.json, plan.json is damaged: "
        "cannot read state of container 'box': broken\n"
    )


def test_delete_takes_what_a_killed_creation_left(pyrunc: Pyrunc, library: Library) -> None:
    library.leftovers.add("half")
    assert pyrunc("delete", "half").code == 0


# ── kill, pause, resume, update ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (signal.SIGTERM, False)),
        (("KILL",), (signal.SIGKILL, False)),
        (("sighup",), (signal.SIGHUP, False)),
        (("10",), (10, False)),
        (("0",), (0, False)),
        (("RTMIN+2",), (signal.SIGRTMIN + 2, False)),
        (("SIGRTMAX-1",), (signal.SIGRTMAX - 1, False)),
        (("--all", "9"), (9, True)),
        (("9", "-a"), (9, True)),
        (("",), (signal.SIGTERM, False)),
    ],
)
def test_kill_sends_a_signal(
    pyrunc: Pyrunc, library: Library, arguments: tuple[str, ...], expected: tuple[int, bool]
) -> None:
    box = library.has()
    assert pyrunc("kill", "box", *arguments).code == 0
    assert box.heard == [("kill", *expected)]


@pytest.mark.parametrize("name", ["NOTHING", "99", "-9", "1.5", "SIG", "SIG_DFL", "RTMIN+99", "RTMIN+", "²"])
def test_kill_refuses_what_is_no_signal(pyrunc: Pyrunc, library: Library, name: str) -> None:
    box = library.has()
    assert pyrunc("kill", "box", name).code == 1
    assert box.heard == []


def test_kill_of_what_has_ended_is_told_in_runcs_words(pyrunc: Pyrunc, library: Library) -> None:
    library.has(status="stopped").fails["kill"] = Conflict("cannot kill container 'box': it has ended")
    result = pyrunc("kill", "box", "KILL")
    assert result.code == 1
    assert "container not running" in result.stderr
    assert pyrunc("kill", "--all", "box", "KILL").code == 0


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_pause_and_resume(pyrunc: Pyrunc, library: Library, command: str) -> None:
    box = library.has()
    assert pyrunc(command, "box").code == 0
    assert box.heard == [(command,)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--memory", "512m"], {"memory": {"limit": 512 * 2**20}}),
        (["--memory", "-1", "--memory-swap", "-1"], {"memory": {"limit": -1, "swap": -1}}),
        (["--memory-reservation=1g"], {"memory": {"reservation": 2**30}}),
        (["--cpu-quota", "-1", "--cpu-period", "5000"], {"cpu": {"quota": -1, "period": 5000}}),
        (["--cpu-share", "5", "--cpuset-cpus", "0-1"], {"cpu": {"shares": 5, "cpus": "0-1"}}),
        (["--pids-limit", "7", "--blkio-weight", "100"], {"pids": {"limit": 7}, "blockIO": {"weight": 100}}),
        (["--cpu-idle", "1", "--cpu-burst", "9"], {"cpu": {"idle": 1, "burst": 9}}),
        ([], {}),
        (["--memory=", "--cpuset-cpus=", "--cpu-share=", "--l3-cache-schema=", "--resources="], {}),
    ],
)
def test_update_by_single_options(pyrunc: Pyrunc, library: Library, options: list[str], expected: Any) -> None:
    box = library.has()
    assert pyrunc("update", *options, "box").code == 0
    assert box.heard == [("update", expected)]


def test_shares_by_intel_rdt_are_updated_beside_limits(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has()
    assert pyrunc("update", "--l3-cache-schema", "L3:0=f", "--mem-bw-schema", "MB:0=20", "box").code == 0
    assert pyrunc("update", "--mem-bw-schema", "MB:0=30", "--pids-limit", "5", "box").code == 0
    assert box.heard == [
        ("share", {"l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20"}),
        ("update", {}),
        ("share", {"memBwSchema": "MB:0=30"}),
        ("update", {"pids": {"limit": 5}}),
    ]


def test_update_by_a_document(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    box = library.has()
    (tmp_path / "resources").write_text('{"pids": {"limit": 3}}')
    assert pyrunc("update", "--resources", str(tmp_path / "resources"), "--memory", "1", "box").code == 0
    assert box.heard == [("update", {"pids": {"limit": 3}})]


@pytest.mark.parametrize(
    "options",
    [
        ["--memory", "much"],
        ["--memory", "9" * 400 + ".5k"],
        ["--memory", "-2"],
        ["--pids-limit", "x"],
        ["--pids-limit", ""],
        ["--resources", "/no/such/file"],
        ["--cpu-share", "-1"],
    ],
)
def test_update_refuses(pyrunc: Pyrunc, library: Library, options: list[str]) -> None:
    box = library.has()
    assert pyrunc("update", *options, "box").code == 1
    assert box.heard == []


def test_a_wrong_document_is_told_by_its_path(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    library.has()
    (tmp_path / "resources").write_text('{"memory": {"limit": "much"}}')
    assert "memory.limit" in pyrunc("update", "-r", str(tmp_path / "resources"), "box").stderr


# ── exec ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def executed(pyrunc: Pyrunc, library: Library, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the process document and the options that the library was asked with."""
    box = library.has()
    assert pyrunc("exec", "--detach", *arguments).code == 0
    ((_exec, process, options),) = box.heard
    return process.document(), options


def test_exec_changes_the_containers_own_process(pyrunc: Pyrunc, library: Library) -> None:
    options = [
        "--cwd",
        "/x",
        "-e",
        "A=1",
        "--env",
        "B=",
        "-u",
        "7",
        "-g",
        "8,9",
        "-g",
        "10",
        "-c",
        "CAP_KILL",
        "--no-new-privs",
    ]
    process, asked = executed(
        pyrunc, library, *options, "--apparmor", "p", "--process-label", "l", "box", "ls", "-l", "--all"
    )
    assert process["args"] == ["ls", "-l", "--all"]
    assert process["cwd"] == "/x"
    assert process["env"] == ["PATH=/bin", "A=1", "B="]
    assert process["user"] == {"uid": 7, "gid": 6, "additionalGids": [8, 9, 10]}
    assert process["noNewPrivileges"] is True
    assert (process["apparmorProfile"], process["selinuxLabel"]) == ("p", "l")
    assert process["capabilities"] == {key: ["CAP_KILL"] for key in ("bounding", "effective", "permitted")}
    assert asked == {
        "streams": None,
        "console_socket": None,
        "preserve_fds": (),
        "cgroup": {},
        "paused": False,
        "beginning": None,
    }


def test_exec_goes_into_cgroups_below(pyrunc: Pyrunc, library: Library) -> None:
    _process, asked = executed(
        pyrunc, library, "--cgroup", "cpu,memory:a", "--cgroup", "b", "--ignore-paused", "box", "--", "ls"
    )
    assert asked["cgroup"] == {"cpu": "a", "memory": "a", "": "b"}
    assert asked["paused"] is True


def test_exec_reads_a_process_document(pyrunc: Pyrunc, library: Library, tmp_path: Path) -> None:
    (tmp_path / "process.json").write_text('{"args": ["x"], "cwd": "/y"}')
    process, _asked = executed(pyrunc, library, "-p", str(tmp_path / "process.json"), "box")
    assert process == {"args": ["x"], "cwd": "/y"}


def test_exec_adds_ambient_capabilities_where_some_are_inheritable(pyrunc: Pyrunc, library: Library) -> None:
    box = library.has()
    box.spec = parse(DOCUMENT | {"process": {"args": ["x"], "capabilities": {"inheritable": ["CAP_CHOWN"]}}})
    assert pyrunc("exec", "-c", "CAP_KILL", "box", "ls").code == 0
    _exec, process, _options = box.heard[0]
    assert process.capabilities.ambient == ("CAP_KILL",)
    assert process.capabilities.inheritable == ("CAP_CHOWN",)


@pytest.mark.parametrize("status", ["stopped", "paused"])
def test_exec_says_in_runcs_words_that_nothing_runs(pyrunc: Pyrunc, library: Library, status: str) -> None:
    box = library.has(status=status)
    result = pyrunc("exec", "box", "ls")
    assert (result.code, box.heard) == (255, [])
    assert f"cannot exec in a {status} container" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("box",),
        ("nobody", "ls"),
        ("-u", "bob", "box", "ls"),
        ("-u", "1:x", "box", "ls"),
        ("-u", "-1", "box", "ls"),
        ("-g", "-1", "box", "ls"),
        ("-p", "/no/such/file", "box"),
        ("-t", "-d", "box", "ls"),
        ("--console-socket", "/x", "box", "ls"),
        ("--preserve-fds", "5000", "box", "ls"),
    ],
)
def test_exec_fails_with_255_before_anything_runs(pyrunc: Pyrunc, library: Library, arguments: tuple[str, ...]) -> None:
    box = library.has()
    assert pyrunc("exec", *arguments).code == 255
    assert box.heard == []


@pytest.mark.parametrize("text", ["x", "5,", "5,x", ""])
def test_groups_that_are_no_numbers_are_wrong_usage(pyrunc: Pyrunc, library: Library, text: str) -> None:
    box = library.has()
    assert pyrunc("exec", "-g", text, "box", "ls").code == 1
    assert box.heard == []


def test_exec_ends_as_the_process_does(pyrunc: Pyrunc, library: Library) -> None:
    library.has().status = WaitStatus(None, 15)
    assert pyrunc("exec", "box", "ls").code == 143


# ── what is printed ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_state_is_printed_as_runc_does(pyrunc: Pyrunc, library: Library) -> None:
    library.has(annotations={"a": "b"})
    told = json.loads(pyrunc("state", "box").stdout)
    assert told == {
        "ociVersion": "1.3.0",
        "id": "box",
        "pid": os.getpid(),
        "status": "running",
        "bundle": "/bundle",
        "rootfs": "/bundle/rootfs",
        "created": "2026-01-02T03:04:05.000006Z",
        "annotations": {"a": "b"},
        "owner": "",
    }


def test_a_stopped_container_has_no_pid(pyrunc: Pyrunc, library: Library) -> None:
    library.has(status="stopped")
    told = json.loads(pyrunc("state", "box").stdout)
    assert told["pid"] == 0
    assert "annotations" not in told


def test_list_prints_runcs_table(pyrunc: Pyrunc, library: Library) -> None:
    library.has("b", owner=2**31 - 1)
    library.has("a-rather-long-id", "stopped")
    lines = pyrunc("list").stdout.splitlines()
    assert lines[0] == "ID                 PID         STATUS      BUNDLE      CREATED                       OWNER"
    assert lines[1] == "a-rather-long-id   0           stopped     /bundle     2026-01-02T03:04:05.000006Z   root"
    assert lines[2].split()[-1] == f"#{2**31 - 1}"
    assert pyrunc("list", "-q").stdout == "a-rather-long-id\nb\n"
    assert [each["id"] for each in json.loads(pyrunc("list", "-f", "json").stdout)] == ["a-rather-long-id", "b"]


def test_list_of_nothing(pyrunc: Pyrunc) -> None:
    assert pyrunc("list", "-q").stdout == ""
    assert pyrunc("list", "--format", "json").stdout == "null\n"
    assert pyrunc("list").stdout.startswith("ID ")


def test_ps_prints_pids(pyrunc: Pyrunc, library: Library) -> None:
    library.has()
    assert pyrunc("ps", "-f", "json", "box").stdout == f"[{os.getpid()}]\n"


def test_ps_passes_options_on(pyrunc: Pyrunc, library: Library) -> None:
    library.has()
    lines = pyrunc("ps", "box", "-e", "-o", "pid,comm").stdout.splitlines()
    assert lines[0].split() == ["PID", "COMMAND"]
    assert [line.split()[0] for line in lines[1:]] == [str(os.getpid())]
    assert "PID" in pyrunc("ps", "box", "-o", "args").stderr
    assert pyrunc("ps", "box", "--no-such-option").code == 1


def test_lines_of_other_processes_are_left_out() -> None:
    table = "USER PID CMD\nroot 1 a\nroot 12 b 1\nbad\n"
    assert only(table, (1,)) == "USER PID CMD\nroot 1 a\n"


def test_stats_are_one_line_of_json(pyrunc: Pyrunc, library: Library) -> None:
    library.has()
    assert json.loads(pyrunc("events", "--stats", "box").stdout) == {
        "type": "stats",
        "id": "box",
        "data": {"pids": {"current": 3}},
    }


def test_a_stopped_container_has_no_events(pyrunc: Pyrunc, library: Library) -> None:
    library.has(status="stopped")
    assert pyrunc("events", "--stats", "box").code == 1
    assert pyrunc("events", "box").code == 1


def test_events_end_with_a_container_that_ends_while_it_is_measured(pyrunc: Pyrunc, library: Library) -> None:
    library.has().fails["stats"] = Conflict("cannot measure container 'box': it is stopped", step="stats")
    assert pyrunc("events", "--interval", "1ms", "box") == Called(0, "", "")


def test_features_tell_what_is_served(pyrunc: Pyrunc) -> None:
    told = json.loads(pyrunc("features").stdout)
    assert (told["ociVersionMin"], told["ociVersionMax"]) == ("1.0.0", "1.3.0")
    assert told["mountOptions"] == sorted(KNOWN_OPTIONS), "what is known is served, each by a mount of some kind"
    assert told["linux"]["seccomp"]["enabled"] is True
    assert told["linux"]["seccomp"]["actions"] == sorted(SECCOMP_ACTIONS)
    assert "SCMP_ARCH_X86_64" in told["linux"]["seccomp"]["archs"]
    assert set(told["linux"]["seccomp"]["supportedFlags"]) <= set(told["linux"]["seccomp"]["knownFlags"])
    assert told["linux"]["intelRdt"] == {"enabled": True, "schemata": True, "monitoring": True}
    assert "MPOL_BIND" in told["linux"]["memoryPolicy"]["modes"]
    assert "MPOL_F_STATIC_NODES" in told["linux"]["memoryPolicy"]["flags"]
    assert {"org.criu.config", "org.systemd.property."} < set(told["potentiallyUnsafeConfigAnnotations"])


def test_spec_tells_where_it_cannot_write(pyrunc: Pyrunc, tmp_path: Path) -> None:
    result = pyrunc("spec", "--bundle", str(tmp_path / "none"))
    assert result.code == 1
    assert result.stderr == f"pyrunc: cannot write '{tmp_path}/none/config.json': No such file or directory\n"


def test_spec_writes_what_can_be_parsed(pyrunc: Pyrunc, tmp_path: Path) -> None:
    from containerd_py.runtime.spec.models import parse

    assert pyrunc("spec", "--bundle", str(tmp_path)).code == 0
    document = json.loads((tmp_path / "config.json").read_text())
    assert parse(document).root.path == "rootfs"
    assert "there already" in pyrunc("spec", "--bundle", str(tmp_path)).stderr


def test_spec_for_a_user_maps_that_user(pyrunc: Pyrunc, tmp_path: Path) -> None:
    assert pyrunc("spec", "--rootless", "--bundle", str(tmp_path)).code == 0
    document = json.loads((tmp_path / "config.json").read_text())
    kinds = {each["type"] for each in document["linux"]["namespaces"]}
    assert "user" in kinds
    assert "network" not in kinds
    assert document["linux"]["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
    assert not [option for mount in document["mounts"] for option in mount.get("options", ()) if "gid=" in option]


def test_a_root_that_lies_nowhere_is_refused_and_one_that_is_empty_is_not(pyrunc: Pyrunc) -> None:
    pyrunc.root.rmdir()
    assert pyrunc("list", "-q").code == 0
    assert "no such file or directory" in pyrunc("--root", "/no/such/root", "list").stderr
    assert pyrunc("--root", "/no/such/root", "list").code == 1


# ── our own ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_prints_the_plan(pyrunc: Pyrunc, library: Library, bundle: Path) -> None:
    assert pyrunc("explain", str(bundle)).stdout.splitlines() == [
        "namespaces: mount, uts",
        "  0. network   bring network interface lo up",
        "  1. hostname  set host name box  (hostname)",
    ]
    told = json.loads(pyrunc("explain", "--format", "json", str(bundle)).stdout)
    assert told["namespaces"] == ["mount", "uts"]
    step = {"index": 1, "step": "hostname", "description": "set host name box", "origin": "hostname"}
    assert told["steps"][1] == step
    assert library.made[0]["bundle"] == str(bundle)
    assert pyrunc("explain", "/no/such").code == 1


def test_timeline_prints_what_each_step_took(pyrunc: Pyrunc, library: Library) -> None:
    library.has()
    assert pyrunc("timeline", "box").stdout.splitlines() == [
        "PHASE   START µs  DURATION µs  STEP   DESCRIPTION",
        "create       1.5          0.2  mount  mount proc on /proc",
        "start        9.0          1.0  exec   go\\n",
    ]
    told = json.loads(pyrunc("timeline", "-f", "json", "box").stdout)
    assert told[0] == {
        "phase": "create",
        "step": "mount",
        "description": "mount proc on /proc",
        "startUs": 1.5,
        "durationUs": 0.25,
    }
    assert pyrunc("timeline", "nobody").code == 1
