#!/bin/bash
# Runs a command under systemd in a User Mode Linux guest: real cgroup v2 with the
# cpu, io, memory and pids controllers, at the host's own speed but for system
# calls. Its root is this machine's root. ./fetch-kernels.sh first.
# The guest has one processor and stays on one of the host's (HARNESS_CPU, else any):
# its kernel and its processes take turns, and waking one another across processors
# makes every system call eight times slower.
set -euo pipefail
source "$(dirname "$0")/run-guest.sh"
kernel=${HARNESS_UML:-$cache/uml/linux}
modules=${HARNESS_UML_MODULES:-$cache/uml/modules}
if [[ ! -x $kernel ]]; then # Debian 12's own package user-mode-linux: half as fast
    kernel=/usr/bin/linux.uml modules=/usr/lib/uml/modules
fi

ulimit -n "$(ulimit -Hn)" # the guest's kernel opens a file of this machine for each that the guest has looked at
echo /dev/ttyS0 >"$run/output"
arguments=(
    "mem=${memory}M" seccomp=on "ncpus=${HARNESS_SMP:-1}" rootfstype=hostfs rootflags=/ ro
    init="$here/guest-init.sh" systemd.show_status=0 quiet
    con=null con0=null,fd:2 ssl=null ssl0=null,fd:1
    "umid=guest" "uml_dir=$run/state"
    harness_share=hostfs "harness_guest=$here/guest" "harness_modules=$modules"
    "harness_run=$run" "harness_src=$source"
)
# Its own mount and process namespaces: the root is read-only for the guest even
# where it could ask its kernel for more, and nothing of it is left behind.
console=${verbose:+/dev/stderr}
code=0
timeout -k 1 "$limit" taskset -c "${HARNESS_CPU:-$((RANDOM % $(nproc)))}" \
    unshare --mount --pid --fork --kill-child --mount-proc \
    bash -c '
        set -e
        mount --bind "$1" "$1"
        if [[ $2 ]]; then mount --bind "$2" "$1/out"; fi
        mount -o remount,bind,ro /
        cd "$1"
        shift 2
        "$@" # not exec: as process 1 it would not die of its own abort
        exit $?
    ' boot-uml "$run" "$out" "$kernel" "${arguments[@]}" \
    </dev/null 2> >(tee "$run/console" >"${console:-/dev/null}") | cat || code=${PIPESTATUS[0]}
finish "$code"
