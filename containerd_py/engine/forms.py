"""Which of the three forms of a request for a container a document is, and whether it is a right one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from containerd_py.errors import InvalidArgument
from containerd_py.problems import describe
from containerd_py.wire import BundleSpec, ContainerSpec, OciSpec

if TYPE_CHECKING:
    from containerd_py.wire import CreateRequest

_FORMS: dict[str, type[ContainerSpec] | type[BundleSpec] | type[OciSpec]] = {
    "rootfs": ContainerSpec,
    "bundle": BundleSpec,
    "oci": OciSpec,
}


def read_create_request(value: dict[str, Any], *, what: str, example: str) -> CreateRequest:
    """Raises InvalidArgument. what: "request", as errors call it; example: the smallest that there is."""
    forms = [form for form in _FORMS if form in value]
    if len(forms) != 1:
        found = "none of them" if not forms else " and ".join(forms)
        raise InvalidArgument(
            f"cannot parse {what}: one of 'rootfs', 'bundle' and 'oci' is needed, not {found}",
            step="parse",
            hint=f"the smallest {what} is {example}",
        )
    try:
        return _FORMS[forms[0]].model_validate(value)
    except ValidationError as problem:
        raise InvalidArgument(f"cannot parse {what}: {describe(problem)}", step="parse") from problem
