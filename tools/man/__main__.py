"""Write the manual pages: python -m tools.man DIRECTORY."""

import os
import sys

from tools.man.pages import pages


def main(directory: str) -> None:
    os.makedirs(directory, exist_ok=True)
    for name, text in pages().items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
        sys.stdout.write(f"{os.path.join(directory, name)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
