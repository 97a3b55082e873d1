"""`functools` without what it imports at each start of a program (ADR 26). What is here does as that does."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from functools import cache, cached_property, lru_cache
else:
    from _functools import _lru_cache_wrapper

    def cache(function):
        """Keep every result."""
        return lru_cache(maxsize=None)(function)

    def lru_cache(*, maxsize):
        """Keep so many results."""

        def wrap(function):
            kept = _lru_cache_wrapper(function, maxsize, False, _facts)  # noqa: FBT003 - what it is given has no names
            kept.__name__, kept.__doc__, kept.__module__ = function.__name__, function.__doc__, function.__module__
            kept.__wrapped__ = function
            return kept

        return wrap

    def _facts(*numbers):
        """hits, misses, maxsize, currsize."""
        return numbers

    class cached_property:  # noqa: N801 - as it is named in `functools`
        """An attribute that is worked out when it is asked for first."""

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, _owner, name):
            self._name = name

        def __get__(self, one, _owner=None):
            if one is None:
                return self
            value = one.__dict__[self._name] = self._function(one)
            return value


__all__ = ["cache", "cached_property", "lru_cache"]
