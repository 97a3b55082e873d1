"""Stored documents: refused where later steps would stumble, and the same parts of many are one object."""

import copy
import json
from typing import Any

import pytest

from containerd_py.engine.stored_documents import DocumentCheck

_DOCUMENT: dict[str, Any] = {
    "ociVersion": "1.2.0",
    "root": {"path": "/srv/root"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "process": {"cwd": "/", "args": ["true"], "env": ["A=b"], "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 9, "soft": 9}]},
    "linux": {
        "seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]},
        "maskedPaths": ["/proc/kcore"],
    },
}


def document(**changed: Any) -> dict[str, Any]:
    """changed: members of the whole, of process and of linux."""
    made = copy.deepcopy(_DOCUMENT)
    for key, value in changed.items():
        made[key] = {**made[key], **value} if isinstance(value, dict) else value
    return made


def checked(*documents: dict[str, Any]) -> None:
    check = DocumentCheck()
    for one in documents:
        check(one)


def test_the_same_parts_are_one_object() -> None:
    first, second = document(), document(process={"args": ["false"]})
    checked(first, second)
    for part in ("seccomp", "maskedPaths"):
        assert first["linux"][part] is second["linux"][part]
    assert first["mounts"] is second["mounts"]
    assert first["process"]["env"] is second["process"]["env"]
    assert second["process"]["args"] == ["false"]


def test_documents_say_what_they_said() -> None:
    documents = [document(), document(), document(process={"env": ["C=d"]}, mounts=[]), document(linux={"maskedPaths": []})]
    before = json.dumps(documents)
    checked(*documents)
    assert json.dumps(documents) == before


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_NONE"}}}, "linux.seccomp.defaultAction"),
        ({"linux": {"maskedPaths": [1]}}, "linux.maskedPaths.0"),
        ({"linux": {"unheard": 1}}, "linux.unheard"),
        ({"mounts": [{"type": "proc"}]}, "mounts.0.destination"),
        ({"process": {"env": "A=b"}}, "process.env"),
        ({"process": {"cwd": 1}}, "process.cwd"),
    ],
)
def test_what_is_wrong_is_found_beside_what_is_known(changed: dict[str, Any], problem: str) -> None:
    check = DocumentCheck()
    check(document())
    with pytest.raises(ValueError, match=problem):
        check(document(**changed))


def test_what_was_refused_once_is_refused_again() -> None:
    check = DocumentCheck()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"linux\.maskedPaths"):
            check(document(linux={"maskedPaths": [1]}))


def test_without_a_process_there_is_nothing_to_run() -> None:
    without = {key: value for key, value in _DOCUMENT.items() if key != "process"}
    with pytest.raises(ValueError, match="process is missing"):
        checked(document(), without)


def test_a_container_that_was_rebuilt_has_none() -> None:
    checked({}, document(), {})


def test_parts_of_another_shape_are_left_to_the_reader() -> None:
    with pytest.raises(ValueError, match="linux"):
        checked(document(), {**document(), "linux": []})


def test_of_many_kinds_the_last_ones_are_known() -> None:
    documents = [document(process={"env": [f"N={number}"]}) for number in range(9)]
    again = document(process={"env": ["N=8"]})
    checked(*documents, again)
    assert again["process"]["env"] is documents[8]["process"]["env"]
