#!/bin/bash
# Fetches packages of another suite of Debian into the cache, unpacked as a layer: nothing is installed.
#   ./fetch-packages.sh NAME SUITE [--depends] PACKAGE...      --depends: with all that they depend on
# Through apt, from where this machine has its packages; the lists are apart from the machine's own. Prints the layer's
# directory, named NAME; once it is there, at once. Exit code 125: it cannot be had, and the last line says why.
set -euo pipefail
name=${1:?usage: ${0##*/} NAME SUITE PACKAGE...}
suite=${2:?usage: ${0##*/} NAME SUITE PACKAGE...}
packages=("${@:3}")
depends=
[[ ${packages[0]} != --depends ]] || { depends=1 packages=("${packages[@]:1}"); }
cache=${HARNESS_CACHE:-$HOME/.cache/test-guests}
layer=$cache/$name

if [[ -e $layer/.complete ]]; then
    echo "$layer"
    exit
fi
origin=$(apt-get indextargets --format '$(SITE) $(CODENAME)' "Created-By: Packages" 2>/dev/null |
    awk '$2 !~ /security/ && /debian/ { print $1; exit }')
keys=/usr/share/keyrings/debian-archive-keyring.gpg
if [[ -z $origin || ! -e $keys ]]; then
    echo "${0##*/}: this machine has no packages of Debian's" >&2
    exit 125
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,archives/partial} "$cache"
echo "deb [signed-by=$keys] $origin $suite main" >"$work/sources.list"
apt=(-qq -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o APT::Sandbox::User=root
    -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null)
cd "$work"
fetch() {
    apt-get "${apt[@]}" update || return
    [[ -z $depends ]] || mapfile -t packages < <(apt-cache "${apt[@]}" depends --recurse --important "${packages[@]}" | grep '^[a-z]')
    apt-get "${apt[@]}" download "${packages[@]/%//$suite}"
}
fetch >&2 || {
    echo "${0##*/}: the packages of $suite cannot be had" >&2
    exit 125
}
mkdir root
for package in ./*.deb; do
    dpkg-deb --extract "$package" one
    # the machine's /bin, /lib and so on are links, which a directory would hide
    for name in bin sbin lib lib64; do
        [[ ! -d one/$name ]] || { mkdir -p one/usr && cp -a "one/$name" one/usr/ && rm -rf "one/$name"; }
    done
    cp -a one/. root/
    rm -rf one
done
touch root/.complete
rm -rf "$layer"
mv root "$layer"
echo "$layer"
