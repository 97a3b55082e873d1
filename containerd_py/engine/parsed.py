"""Documents of containers as they were read last: what is executed in one again and again needs the same each time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from containerd_py.runtime.spec.models import parse

if TYPE_CHECKING:
    from containerd_py.engine.containers import Container
    from containerd_py.runtime.spec.models import Spec

_MOST = 16


class ParsedDocuments:
    """The last ones that were asked for; a document that was changed is another object, and read anew."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._read: OrderedDict[str, tuple[dict[str, Any], Spec]] = OrderedDict()

    def of(self, container: Container) -> Spec:
        config, spec = self._read.pop(container.id, (None, None))
        if spec is None or config is not container.config:
            spec = parse(container.config)
        self._read[container.id] = (container.config, spec)
        if len(self._read) > self._most:
            self._read.popitem(last=False)
        return spec
