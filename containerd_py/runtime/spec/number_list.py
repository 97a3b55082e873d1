"""Lists of CPUs and of memory nodes, such as "0-3,7" (cpuset(7), "List format")."""

from __future__ import annotations

_LARGEST = 8191  # the largest number of CPUs that Linux can be built for, less one
_ITEM = r"([0-9]{1,4})(?:-([0-9]{1,4}))?"


def parse_number_list(text: str) -> tuple[int, ...]:
    """Return the numbers in order, each once. Raises ValueError for text that is no list, or an empty one."""
    import re  # here: few documents have any

    numbers: set[int] = set()
    for item in text.split(","):
        found = re.fullmatch(_ITEM, item.strip(), re.ASCII)
        if found is None:
            raise ValueError(f"{text!r} is not a list such as '0-3,7'")
        first, last = int(found[1]), int(found[2] or found[1])
        if first > last or last > _LARGEST:
            raise ValueError(f"{text!r} has a range that ends before it begins, or above {_LARGEST}")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))
