#!/bin/bash
# Fetches a CRIU newer than the machine's into the cache, with the libraries that it was built with:
#   PATH=$(./fetch-criu.sh SUITE)/bin:$PATH criu check      SUITE: of Debian, such as forky
# Prints the layer's directory, in whose bin is a criu that runs by its own loader; exit code 125: it cannot be had
# (fetch-packages.sh). CRIU reads the kernel's own structures, and one older than the kernel may not know them.
set -euo pipefail
suite=${1:?usage: ${0##*/} SUITE}
layer=$("${0%/*}/fetch-packages.sh" "criu-$suite" "$suite" --depends criu)
libraries=$(echo "$layer"/usr/lib/*-linux-gnu)
loader=$(echo "$libraries"/ld-linux-*.so.*)
mkdir -p "$layer/bin"
cat >"$layer/bin/criu.new" <<END
#!/bin/sh
exec "$loader" --library-path "$libraries" "$layer/usr/sbin/criu" "\$@"
END
chmod 755 "$layer/bin/criu.new"
mv "$layer/bin/criu.new" "$layer/bin/criu"
echo "$layer"
