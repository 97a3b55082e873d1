"""Names of kernel parameters, and whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containerd_py.runtime.spec.sysctl import namespace_of, sysctl_path


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/1.mtu", "net/ipv4/conf/eth0.1/mtu"),
        ("net/ipv4/conf/eth0.1/mtu", "net/ipv4/conf/eth0.1/mtu"),
        ("kernel", "kernel"),
    ],
)
def test_both_forms(key: str, path: str) -> None:
    assert sysctl_path(key) == path


@pytest.mark.parametrize(
    "key",
    [
        *("", ".", "/", "..", "net..core", "net//core", ".net", "/net", "net.", "net/", "net/../kernel/x", "net/./core"),
        *("net.//.kernel", "net.core\n", "net.core+x", "net core", "net\tcore", "net.\\x", "net.é\x7f", "net.\u2028"),
    ],
)
def test_what_leads_elsewhere_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="has a"):
        sysctl_path(key)


@given(st.text(alphabet="a./.\n+", max_size=12))
def test_a_path_stays_below(key: str) -> None:
    try:
        path = sysctl_path(key)
    except ValueError:
        return
    assert not path.startswith("/")
    assert not {"", ".", ".."} & set(path.split("/"))
    assert not set("\n+") & set(path)


@pytest.mark.parametrize(
    ("path", "namespace"),
    [
        *((f"kernel/{name}", "ipc") for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni")),
        ("kernel/shm_rmid_forced", "ipc"),
        ("fs/mqueue/msg_max", "ipc"),
        ("net/ipv4/ip_forward", "network"),
        ("kernel/domainname", "uts"),
        ("kernel/hostname", None),
        ("kernel/core_pattern", None),
        ("fs/mqueue", None),
        ("net", None),
        ("networks/x", None),
        ("vm/swappiness", None),
        ("kernel/sem/x", None),
    ],
)
def test_whose_they_are(path: str, namespace: str | None) -> None:
    assert namespace_of(path) == namespace
