"""Install, or build a package: python -m tools.package install|uninstall|deb."""

from __future__ import annotations

import argparse
import sys

from tools.package import debian, layout


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.package", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (("install", "put the program below --destdir"), ("uninstall", "take it away again")):
        command = commands.add_parser(name, help=about)
        command.add_argument("--destdir", default="/", metavar="DIR")
    deb = commands.add_parser("deb", help="build a Debian package")
    deb.add_argument("folder", metavar="DIR", help="where the package is to lie")
    deb.add_argument("--quick", action="store_true", help="hardly compressed, for tests")
    options = parser.parse_args()
    try:
        if options.command == "deb":
            sys.stdout.write(f"{debian.build(options.folder, quick=options.quick)}\n")
        elif options.command == "install":
            layout.install(options.destdir)
        else:
            layout.uninstall(options.destdir)
    except layout.CannotInstall as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
