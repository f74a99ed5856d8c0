"""Where a connection may lead."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.network.addresses import Reach, below, fhir_base_fault, read_networks, same_base

PUBLIC = Reach()
HOSPITAL = Reach(read_networks(["10.20.0.0/16", "fd12:3456::/32"]))
DEVELOPMENT = Reach(development=True)
BASE = "https://fhir.example.org/r4"

NEVER = [
    "169.254.169.254",
    "169.254.1.1",
    "168.63.129.16",
    "100.100.100.200",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::23",
    "fd00:ec2::254",
    "fec0::1",
    "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::",
    "224.0.0.1",
    "0.0.0.0",  # noqa: S104 - an address to be refused
    "::",
    "no address",
    "",
]
PRIVATE = ["10.20.3.4", "192.168.1.1", "172.16.0.9", "127.0.0.1", "::1", "::ffff:127.0.0.1"]


@pytest.mark.parametrize("address", NEVER)
def test_link_local_metadata_and_nonsense_are_never_reached(address: str) -> None:
    everything = Reach((ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")), True)  # noqa: FBT003 - positional struct
    for reach in (PUBLIC, HOSPITAL, DEVELOPMENT, everything):
        assert not reach.allows(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_reached_in_development_only(address: str) -> None:
    assert not PUBLIC.allows(address)
    assert DEVELOPMENT.allows(address)


def test_a_clients_own_network_is_reached_and_no_other() -> None:
    assert HOSPITAL.allows("10.20.3.4")
    assert HOSPITAL.allows("fd12:3456::9")
    assert not HOSPITAL.allows("10.21.3.4")
    assert not HOSPITAL.allows("127.0.0.1")


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111"])
def test_public_addresses_are_reached(address: str) -> None:
    assert PUBLIC.allows(address)


@given(st.ip_addresses())
def test_without_networks_only_global_addresses_are_reached(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if PUBLIC.allows(str(address)):
        assert address.is_global or getattr(address, "sixtofour", None) is not None
        assert not address.is_loopback


@pytest.mark.parametrize(
    "text",
    ["8.8.8.0/24", "0.0.0.0/0", "10.0.0.0/7", "169.254.0.0/16", "10.1.2.3/8", "hospital", ""],
)
def test_a_network_must_be_a_private_one(text: str) -> None:
    with pytest.raises(ValueError, match="network"):
        read_networks([text])


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://fhir.example.org/r4", "not https"),
        ("ftp://fhir.example.org", "not https"),
        ("file:///etc/passwd", "not https"),
        ("fhir.example.org/r4", "not https"),
        ("https://", "no host"),
        ("https://user:secret@fhir.example.org", "user name"),
        ("https://fhir.example.org?x=1", "query"),
        ("https://fhir.example.org#x", "fragment"),
        ("https://fhir.example.org:port", "no URL"),
        ("https://fhir.exämple.org", "character"),
        ("https://[::1", "no URL"),
        ("", "not https"),
    ],
)
def test_a_base_must_be_an_absolute_https_url(url: str, fault: str) -> None:
    assert fault in (fhir_base_fault(url, development=False) or "")


def test_plain_http_will_do_in_development() -> None:
    assert fhir_base_fault("http://localhost:8080/fhir/", development=True) is None
    assert fhir_base_fault("ftp://localhost/fhir/", development=True) is not None


def test_the_same_base_in_other_words() -> None:
    for text in (
        BASE,
        BASE + "/",
        "https://fhir.example.org:443/r4",
        "HTTPS://FHIR.example.org/r4",
    ):
        assert same_base(BASE, text)
    for text in (
        "http://fhir.example.org/r4",
        "https://fhir.example.org:8443/r4",
        "https://fhir.example.org/r5",
        "https://fhir.example.org.evil.example/r4",
        "https://x@fhir.example.org/r4",
        "https://fhir.example.org/r4?x=1",
        "https://fhir.example.org:port/r4",
        "nothing",
    ):
        assert not same_base(BASE, text)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("Condition?patient=1", f"{BASE}/Condition?patient=1"),
        (f"{BASE}/Condition?page=2", f"{BASE}/Condition?page=2"),
        (f"{BASE}?_getpages=a", f"{BASE}?_getpages=a"),
        ("https://fhir.example.org:443/r4/x", f"{BASE}/x"),
        ("/r4/Condition", f"{BASE}/Condition"),
    ],
)
def test_a_link_below_the_base_is_followed_by_the_configured_base(
    link: str,
    expected: str,
) -> None:
    assert below(BASE, link) == expected


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/r4/Condition",
        "//evil.example/r4/Condition",
        "http://fhir.example.org/r4/Condition",
        "https://fhir.example.org:8443/r4/Condition",
        "https://fhir.example.org/r4x/Condition",
        "https://fhir.example.org/admin",
        "/admin",
        "../admin",
        f"{BASE}/../admin",
        f"{BASE}/%2e%2e/admin",
        f"{BASE}/..\\admin",
        f"{BASE}/..;/admin",
        "x/..;a=b/..;/admin",
        "https://user@fhir.example.org/r4/Condition",
        "https://fhir.example.org:port/r4",
        "https://[::1",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_a_link_anywhere_else_is_not_followed(link: str) -> None:
    assert below(BASE, link) is None
