"""Docker's words that pyctr has not, with the reason or with what there is instead: for those who type them from habit."""

_IMAGES = "there are no images here: a root file system is a directory that you bring, named with --rootfs"
_NETWORKS = "there are no networks beside private, none and host, which --network takes"
_PORTS = "there are no ports: with --network host the container listens at the host's own"
_VOLUMES = "there are no named volumes: --volume binds a directory of the host"
_OCI = "write it into an OCI bundle's config.json, and name that with --bundle"
_CGROUP = "limits of this kind go into an OCI bundle's config.json, which --bundle names"

_ALONE = "containers are started one by one: there is no such group"
_OF_IMAGES = (
    *("pull", "push", "build", "buildx", "images", "image", "rmi", "tag", "commit", "save", "load", "import", "history"),
    *("search", "login", "logout", "manifest", "trust"),
)
_OF_GROUPS = ("compose", "swarm", "service", "stack", "node", "pod", "kube", "play", "secret", "config")

COMMANDS = {
    **dict.fromkeys(_OF_IMAGES, _IMAGES),
    **dict.fromkeys(_OF_GROUPS, _ALONE),
    "volume": _VOLUMES,
    "network": _NETWORKS,
    "port": _PORTS,
    "df": "what is kept is small: `pyctr info` tells where it lies, and du how much it is",
    "checkpoint": "containers cannot be kept on disk; `pyctr pause` stops one where it stands",
}
OPTIONS = {
    **dict.fromkeys(("--publish", "--publish-all", "-p", "-P", "--expose"), _PORTS),
    **dict.fromkeys(("--pull", "--platform"), _IMAGES),
    **dict.fromkeys(("--userns", "--gpus", "--runtime", "--device-cgroup-rule", "--domainname"), _OCI),
    **dict.fromkeys(("--dns", "--dns-search", "--add-host", "--ip", "--mac-address", "--link"), _NETWORKS),
    **dict.fromkeys(("--volumes-from", "--volumes", "--volume-driver"), _VOLUMES),
    **dict.fromkeys(("--cpu-period", "--cpu-quota"), "--cpus is the quota divided by the period"),
    **dict.fromkeys(
        (
            *("--kernel-memory", "--memory-swappiness", "--oom-kill-disable", "--cpu-rt-runtime", "--cpu-rt-period"),
            *("--device-read-bps", "--device-write-bps", "--device-read-iops", "--device-write-iops"),
            "--blkio-weight-device",
        ),
        _CGROUP,
    ),
    **dict.fromkeys(
        ("-H", "--host", "--url", "--context"), "name the daemon's socket: --socket PATH or PYCONTAINERD_SOCKET"
    ),
    "--cgroup-parent": "all are below one cgroup, cgroup_parent of the daemon's settings; a bundle may name another",
    "--umask": _OCI,
    "--health-start-interval": "checks come at --health-interval from the start on",
    "--no-healthcheck": "nothing is checked unless a --health option says how",
    "--size": "the size of a container's files is not kept; du on its root file system tells it",
    "--details": "a log has no details: attributes of a container are its labels",
}


_OF_ONE = {
    ("rm", "-v"): _VOLUMES,
    **dict.fromkeys((("run", "-a"), ("run", "--attach")), "it is attached to both its outputs, or with --detach to none"),
    ("ps", "-s"): OPTIONS["--size"],
    ("prune", "-a"): "images are not removed: there are none",
    ("prune", "--all"): "images are not removed: there are none",
    ("restart", "-f"): "pyctr restart -t 0 kills at once",
}
"""Those that are something else to other commands."""


def hint_for(message: str, command: str | None) -> str | None:
    """Return what to say to "No such command 'pull'." or "No such option: --publish"; None for words that nobody has.

    command: the one that has not that option.
    """
    rest = message.partition(" option: ")[2]
    if not rest:
        return COMMANDS.get(message.partition("'")[2].partition("'")[0])
    option = rest.strip(" .'")
    return _OF_ONE.get((command or "", option)) or OPTIONS.get(option)
