"""`contextlib` without what it imports at each start of a program: `collections` and `functools` (ADR 26).

What is here does as that does; what is not here is not needed. To be imported as `contextlib`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
else:

    class suppress:  # noqa: N801 - as it is named in `contextlib`
        """A context that ends where one of these exceptions is raised in it."""

        def __init__(self, *kinds):
            self._kinds = kinds

        def __enter__(self):
            return None

        def __exit__(self, kind, _problem, _trace):
            return kind is not None and issubclass(kind, self._kinds)

    class closing:  # noqa: N801 - as above
        """A context with something that is closed at its end."""

        def __init__(self, thing):
            self._thing = thing

        def __enter__(self):
            return self._thing

        def __exit__(self, *_problem):
            self._thing.close()

    class nullcontext:  # noqa: N801 - as above
        """A context with something that nothing is done to."""

        def __init__(self, thing=None):
            self._thing = thing

        def __enter__(self):
            return self._thing

        def __exit__(self, *_problem):
            return None

    def contextmanager(function):
        """Make a context of a generator, which yields once."""

        def made(*given, **named):
            return _Generated(function(*given, **named))

        made.__name__, made.__qualname__, made.__doc__ = function.__name__, function.__qualname__, function.__doc__
        made.__module__, made.__wrapped__ = function.__module__, function
        return made

    class _Generated:
        """`contextlib._GeneratorContextManager` tells why each of these cases is looked at."""

        def __init__(self, generator):
            self._generator = generator

        def __enter__(self):
            try:
                return next(self._generator)
            except StopIteration:
                raise RuntimeError("generator didn't yield") from None

        def __exit__(self, kind, problem, trace):
            if kind is None:
                return self._end()
            try:
                self._generator.throw(problem)
            except StopIteration as end:
                return end is not problem
            except BaseException as raised:
                if raised is not problem and not _stands_for(raised, problem):
                    raise
                problem.__traceback__ = trace
                return False
            try:
                raise RuntimeError("generator didn't stop after throw()")
            finally:
                self._generator.close()

        def _end(self):
            try:
                next(self._generator)
            except StopIteration:
                return False
            try:
                raise RuntimeError("generator didn't stop")
            finally:
                self._generator.close()

    def _stands_for(raised, problem):
        """A generator makes a RuntimeError of a StopIteration that passes through it (PEP 479)."""
        return isinstance(raised, RuntimeError) and isinstance(problem, StopIteration) and raised.__cause__ is problem

    class ExitStack:
        """A context at whose end others are left, and functions called, the last first."""

        def __init__(self):
            self._exits = []

        def __enter__(self):
            return self

        def enter_context(self, context):
            """Enter it, and leave it in the end; return what it gives."""
            leave = type(context).__exit__
            given = type(context).__enter__(context)
            self._exits.append(lambda *problem: leave(context, *problem))
            return given

        def callback(self, function, /, *given, **named):
            """Have it called in the end."""

            def call(*_problem):
                function(*given, **named)

            self._exits.append(call)
            return function

        def pop_all(self):
            """Return another stack with all that is to be done in the end."""
            other = type(self)()
            other._exits, self._exits = self._exits, []  # noqa: SLF001 - of its own class
            return other

        def close(self):
            self.__exit__(None, None, None)

        def __exit__(self, _kind, given, _trace):
            """Whatever one of them raises, the others are done too; it goes on in place of what was raised before."""
            problem, handled = given, sys.exc_info()[1]
            while self._exits:
                leave = self._exits.pop()
                try:
                    told = (None, None, None) if problem is None else (type(problem), problem, problem.__traceback__)
                    if leave(*told):
                        problem = None
                except BaseException as raised:
                    if raised is not problem:
                        _put_context(raised, problem, handled)
                    problem = raised
            if problem is None or problem is given:
                return given is not None and problem is None
            context = problem.__context__
            try:
                raise problem  # noqa: TRY301 - to have it raised with the context that it had
            except BaseException:
                problem.__context__ = context  # which `raise` has put what is handled outside in place of
                raise

    def _put_context(raised, before, handled):
        """Have `raised` tell of what was raised before, as if one had been within the other."""
        while True:
            context = raised.__context__
            if context is None or context is before:
                return
            if context is handled:
                break
            raised = context
        raised.__context__ = before


__all__ = ["ExitStack", "closing", "contextmanager", "nullcontext", "suppress"]
