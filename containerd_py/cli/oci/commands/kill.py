"""Send a signal to the container's first process, or to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from containerd_py.cli.oci.signals import parse_signal

if TYPE_CHECKING:
    import argparse

    from containerd_py.cli.oci.arguments import Parser
    from containerd_py.cli.oci.context import Context

FAILURE = 1


def declare(parser: Parser) -> None:
    parser.switch("--all", "-a", help="send it to every process of the container")
    parser.container()
    parser.add_argument("signal", nargs="?", default="TERM", help="a name or a number (default: TERM)")


def perform(options: argparse.Namespace, context: Context) -> int:
    number = parse_signal(options.signal)
    context.load(options.id).kill(number, everything=options.all)
    return 0
