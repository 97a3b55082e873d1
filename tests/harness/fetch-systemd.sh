#!/bin/bash
# Fetches a systemd newer than the machine's into the cache, as a layer for guests:
#   ./fetch-systemd.sh SUITE      a suite of Debian: bookworm-backports, trixie
#   HARNESS_LAYER=$(./fetch-systemd.sh SUITE) ./boot-systemd-ns.sh CMD [ARG...]
# Prints the layer's directory; exit code 125: it cannot be had (fetch-packages.sh).
set -euo pipefail
suite=${1:?usage: ${0##*/} SUITE}
packages=(systemd systemd-container libsystemd0 libsystemd-shared)
[[ $suite == *-backports ]] || packages+=(libc6 libssl3t64)
exec "${0%/*}/fetch-packages.sh" "systemd-$suite" "$suite" "${packages[@]}"
