"""A worker can carry out every operation."""

from containerd_py.runtime.init import archive, worker
from containerd_py.runtime.init.steps import EXECUTORS
from containerd_py.runtime.plan import operations as op


def test_every_operation_has_an_executor() -> None:
    assert all(EXECUTORS for _fills_it in (worker, archive))
    kinds = {kind.__name__ for kind in op.Operation.__subclasses__()}
    assert {kind.__name__ for kind in (*EXECUTORS, op.AwaitStart)} == kinds
