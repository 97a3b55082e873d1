"""A process in a mount namespace of its own, which starts the programs that the bench compares with and times them.

It reads a command line per line from stdin (a JSON list) and answers with a line: a JSON list of seconds and wait status.
It stands alone, and forks by posix_spawn (vfork), so that its own size costs the programs nothing.
"""

import json
import os
import sys
import time

# Files of its own: /dev/null is the host's, and crun gives its streams to the user of the container.
_QUIET = [(os.POSIX_SPAWN_DUP2, os.memfd_create(name), fd) for fd, name in enumerate(("input", "output"))]


def main() -> None:
    for line in sys.stdin:
        command = json.loads(line)
        begin = time.perf_counter()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=_QUIET)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(json.dumps([time.perf_counter() - begin, status]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
