#!/bin/bash
# A container by curl, one by pyctr, and proof that nothing is left of them. Needs root, and what `make demo` installs.
# Everything is below one temporary folder: its path is short, because that of a socket has 107 bytes at most.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."

folder=$(mktemp -d /tmp/pycontainerd-demo.XXXXXX)
rootfs=$folder/rootfs S=$folder/api.sock C=http://localhost/v1/containers
daemon='' running='' spawner='' cgroup=''
export PATH=$PWD/.venv/bin:$PATH PYCONTAINERD_SOCKET=$S CURL_HOME=$folder PYTHONDONTWRITEBYTECODE=1

main() {
    named_before=$(named_files)
    make_rootfs
    start_daemon
    by_curl
    by_pyctr
    stop_daemon
    rm -rf "$folder"
    check_nothing_left
}

title() { printf '\n== %s\n' "$1"; }

# Show a command, and run it as shown.
run() {
    printf '\n$ %s\n' "$1"
    eval "$1"
}

make_rootfs() {
    title "a root file system of BusyBox: $rootfs"
    mkdir -p "$rootfs/bin"
    cp "$(command -v busybox)" "$rootfs/bin/busybox"
    for applet in sh echo hostname id true; do ln -s busybox "$rootfs/bin/$applet"; done
}

start_daemon() {
    title "a daemon of its own; socket, state and data are below $folder"
    # curl reads these options of itself: quiet, the status below each answer, no proxy
    printf '%s\n' silent show-error fail-with-body 'write-out = "HTTP %{http_code}\n"' 'noproxy = "*"' >"$folder/.curlrc"
    echo "\$ pycontainerd --socket $S --state-dir $folder/state --data-dir $folder/data &"
    # a session of its own: Ctrl-C is for this script, which then tidies up by means of the daemon
    setsid pycontainerd --socket "$S" --state-dir "$folder/state" --data-dir "$folder/data" 2>"$folder/log" &
    daemon=$! running=yes
    for _ in {1..200}; do
        ! curl --unix-socket "$S" http://localhost/v1/_ping >/dev/null 2>&1 || break
        [ -e "/proc/$daemon" ] || break
        sleep 0.05
    done
    info=$(curl --unix-socket "$S" http://localhost/v1/info) || fail "the daemon does not answer"
    spawner=$(sed -nE 's/.*"spawner_pid":([0-9]+).*/\1/p' <<<"$info")
    cgroup=$(sed -nE 's/.*"cgroup_parent":"([^"]+)".*/\1/p' <<<"$info")
    echo "it answers: daemon $daemon, spawner $spawner, cgroup $cgroup"
}

by_curl() {
    title "a container by curl (S=$S C=$C)"
    local spec='{"name": "hello", "rootfs": "'$rootfs'",
      "args": ["/bin/sh", "-c", "echo hello from $(hostname), pid $$, uid $(id -u)"]}'
    run "curl --unix-socket \$S \$C -d '$spec'"
    run 'curl --unix-socket $S -X POST $C/hello/start'
    run 'curl --unix-socket $S -X POST $C/hello/wait'
    run 'curl --unix-socket $S $C/hello/logs'
    run 'curl --unix-socket $S -X DELETE $C/hello'
}

by_pyctr() {
    title "the same by pyctr (PYCONTAINERD_SOCKET=$S)"
    local code=0
    run "pyctr run --rm --rootfs $rootfs /bin/sh -c 'echo hello from \$(hostname), pid \$\$; exit 3'" || code=$?
    echo "exit code $code"
    [ "$code" = 3 ] || fail "the exit code should be 3"
    title "where the time goes"
    run "pyctr run --name timed --rootfs $rootfs /bin/true"
    run 'pyctr timeline timed'
    run 'pyctr rm timed'
}

stop_daemon() {
    title "the daemon ends"
    run 'kill -TERM $daemon'
    local code=0
    wait "$daemon" || code=$?
    running=''
    echo "exit code $code"
    [ "$code" = 0 ] || fail "the daemon should end with 0"
}

check_nothing_left() {
    title "nothing is left"
    local left=0 pid
    check "process (daemon, spawner)" "$(for pid in $daemon $spawner; do [ ! -e "/proc/$pid" ] || echo "$pid"; done)"
    check "process with a file of ours" "$(find /proc/[0-9]*/{cwd,exe,root,fd} -lname "$folder*" 2>/dev/null || true)"
    check "mount, in any namespace" "$(grep -lsF "$folder" /proc/[0-9]*/mountinfo || true)"
    check "cgroup" "$(our_cgroups)"
    check "socket" "$(grep -F "$folder" /proc/net/unix || true)"
    check "file below $folder" "$(find "$folder" 2>/dev/null || true)"
    check "file of that name elsewhere" "$(comm -13 <(echo "$named_before") <(named_files))"
    return "$left"
}

# Print one line, and remember what is left.
check() {
    if [ -z "$2" ]; then echo "ok: no $1"; else
        echo "LEFT: $1: $2"
        left=1
    fi
}

our_cgroups() {
    local path
    [ -z "$cgroup" ] || for path in /sys/fs/cgroup"$cgroup" /sys/fs/cgroup/*"$cgroup"; do
        [ ! -d "$path" ] || echo "$path"
    done
}

named_files() {
    find /dev/shm /etc /home /root /run /tmp /var -xdev -path '/tmp/pycontainerd-*' -prune -o \
        -path "$PWD" -prune -o -name '*pycontainerd*' -print 2>/dev/null | sort
}

fail() {
    echo "demo: $1; log of the daemon:" >&2
    cat "$folder/log" >&2
    exit 1
}

# On every way out. After a failure the daemon is asked to remove its containers; where it cannot, the kernel is.
tidy_up() {
    local code=$? path id
    trap - EXIT
    trap '' INT TERM
    if [ -n "$running" ]; then
        for id in $(curl --unix-socket "$S" "$C" 2>/dev/null | grep -oE '"id":"[^"]+' | cut -d'"' -f4); do
            curl --max-time 20 --unix-socket "$S" -X DELETE "$C/$id?force=true" >/dev/null || true
        done
        kill -TERM "$daemon" 2>/dev/null || true
        wait "$daemon" || true
    fi
    for path in $(our_cgroups); do
        for id in "$path"/*/cgroup.kill; do echo 1 >"$id"; done
    done
    if [ -n "$spawner" ] && grep -qsF spawner "/proc/$spawner/cmdline"; then kill -KILL "$spawner" || true; fi
    for path in $(our_cgroups); do
        find "$path" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
    rm -rf "$folder"
    exit "$code"
}

[ "$(id -u)" = 0 ] || { echo "demo: must be root" >&2; rmdir "$folder"; exit 1; }
trap tidy_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
main
