"""Published keys: fetched seldom, shared by all that wait, kept for a day; and what is no key."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from defib_coverage.errors import RequestError
from defib_coverage.hooks.trust.jwks import LARGEST_SET, MOST_KEYS, read_key_set
from defib_coverage.hooks.trust.keys import FRESH, LASTING, PAUSE
from defib_coverage.hooks.trust.signing import new_key
from defib_coverage.logs import Trouble
from tokens import (
    AUDIENCE,
    JKU,
    KEY,
    NOW,
    OTHER_KEY,
    RSA_KEY,
    Clock,
    Web,
    caller,
    key_set,
    lines_of,
    published,
    refusal,
    token,
    trusting,
)

# ------------------------------------------------------------------------------------------- cache


def later(clock: Clock, seconds: float) -> str:
    """A good token of a later time."""
    clock.time = NOW + seconds
    return token(iat=clock.time, exp=clock.time + 300)


def test_keys_are_fetched_once() -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    for seconds in (0, 1, PAUSE, FRESH - 1):
        assert caller(trust, later(clock, seconds)).id == "ehr"
    assert web.fetched == [JKU]


def test_calls_at_the_same_time_share_one_fetch() -> None:
    web = Web(key_set(KEY))
    trust = trusting(published(), web=web)

    async def all_at_once() -> list[str]:
        calls = (trust.caller(f"Bearer {token()}", AUDIENCE) for _ in range(20))
        return [client.id for client in await asyncio.gather(*calls)]

    assert asyncio.run(all_at_once()) == ["ehr"] * 20
    assert web.fetched == [JKU]


def test_a_caller_that_hangs_up_leaves_the_fetch_to_the_others() -> None:
    web = Web(key_set(KEY))
    trust = trusting(published(), web=web)

    async def one_hangs_up() -> str:
        first = asyncio.create_task(trust.caller(f"Bearer {token()}", AUDIENCE))
        second = asyncio.create_task(trust.caller(f"Bearer {token()}", AUDIENCE))
        await web.asked.wait()
        first.cancel()
        return (await second).id

    assert asyncio.run(one_hangs_up()) == "ehr"
    assert web.fetched == [JKU]


def test_a_client_changes_its_keys(caplog: pytest.LogCaptureFixture) -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    assert caller(trust, token()).id == "ehr"
    web.content = key_set(KEY, OTHER_KEY)
    clock.time = NOW + PAUSE
    assert caller(trust, token(OTHER_KEY)).id == "ehr"
    assert caller(trust, token()).id == "ehr"
    web.content = key_set(OTHER_KEY)
    clock.time = NOW + 2 * PAUSE
    assert refusal(caplog, trust, token(new_key())) == "key-unknown client=ehr"
    assert refusal(caplog, trust, token()) == "key-unknown client=ehr"
    assert caller(trust, token(OTHER_KEY)).id == "ehr"


def test_unknown_keys_are_looked_for_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    for number in range(50):
        clock.time = NOW + number
        assert refusal(caplog, trust, token(OTHER_KEY)) == "key-unknown client=ehr"
    assert len(web.fetched) == 1
    clock.time = NOW + PAUSE
    for _ in range(50):
        assert refusal(caplog, trust, token(OTHER_KEY)) == "key-unknown client=ehr"
    assert len(web.fetched) == 2


def test_clients_are_limited_each_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    web = Web(key_set(KEY))
    other = published(id="other", issuer="https://o.example", jku="https://o.example/jwks")
    trust = trusting(published(), other, web=web)
    assert refusal(caplog, trust, token(OTHER_KEY)) == "key-unknown client=ehr"
    web.content = key_set(OTHER_KEY)
    assert caller(trust, token(OTHER_KEY, iss="https://o.example")).id == "other"
    assert web.fetched == [JKU, "https://o.example/jwks"]


def test_keys_of_one_client_are_not_those_of_another(caplog: pytest.LogCaptureFixture) -> None:
    web = Web(key_set(KEY))
    other = published(id="other", issuer="https://o.example", jku="https://o.example/jwks")
    trust = trusting(published(), other, web=web)
    assert caller(trust, token()).id == "ehr"
    web.content = key_set(OTHER_KEY)
    stolen = token(KEY, iss="https://o.example")
    assert refusal(caplog, trust, stolen) == "key-unknown client=other"


def test_old_keys_serve_while_new_ones_are_fetched(caplog: pytest.LogCaptureFixture) -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    assert caller(trust, token()).id == "ehr"
    web.content = key_set(OTHER_KEY)
    web.asked.clear()
    text = later(clock, FRESH)

    async def call_and_wait() -> str:
        found = await trust.caller(f"Bearer {text}", AUDIENCE)
        await web.asked.wait()
        # What was fetched is read in the background.
        await asyncio.sleep(0.05)
        return found.id

    assert asyncio.run(call_and_wait()) == "ehr"
    assert refusal(caplog, trust, later(clock, FRESH + 1)) == "key-unknown client=ehr"
    assert len(web.fetched) == 2


def test_known_keys_serve_for_a_day_without_the_web(caplog: pytest.LogCaptureFixture) -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    assert caller(trust, token()).id == "ehr"
    web.content = ConnectionError("https://ehr.example.org?patient=p1 is down")
    assert caller(trust, later(clock, FRESH)).id == "ehr"
    assert caller(trust, later(clock, LASTING - 1)).id == "ehr"
    assert refusal(caplog, trust, later(clock, LASTING)) == "key-unknown client=ehr"
    assert "patient" not in caplog.text + str(lines_of(caplog))
    web.content = key_set(KEY)
    assert caller(trust, later(clock, LASTING + PAUSE)).id == "ehr"


def test_a_clock_that_is_set_back_makes_keys_old(caplog: pytest.LogCaptureFixture) -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    assert caller(trust, token()).id == "ehr"
    web.content = key_set(OTHER_KEY)
    assert refusal(caplog, trust, later(clock, -LASTING)) == "key-unknown client=ehr"
    assert len(web.fetched) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not found</html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [1]}',
        b'{"keys": ' * 5000,
        b"\xff\xfe",
        b" " * 80_000_000,
        key_set(KEY) + b" " * LARGEST_SET,
        json.dumps({"keys": [KEY.public()] * (MOST_KEYS + 1)}).encode(),
        ConnectionError("down"),
        TimeoutError(),
        RequestError(502, "transient", "too large"),
    ],
)
def test_what_is_no_key_set_changes_nothing(
    content: bytes | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    web, clock = Web(content), Clock()
    trust = trusting(published(), web=web, clock=clock)
    assert refusal(caplog, trust, token()) == "key-unknown client=ehr"
    troubles = [one for one in lines_of(caplog) if isinstance(one, Trouble)]
    assert {(one.what, one.client) for one in troubles} == {("keys-unavailable", "ehr")}
    web.content = key_set(KEY)
    assert caller(trust, later(clock, PAUSE)).id == "ehr"
    web.content = content
    assert refusal(caplog, trust, token(OTHER_KEY, iat=clock.time)) == "key-unknown client=ehr"
    assert caller(trust, later(clock, 2 * PAUSE)).id == "ehr"


def test_a_client_may_withdraw_all_its_keys(caplog: pytest.LogCaptureFixture) -> None:
    web, clock = Web(key_set(KEY)), Clock()
    trust = trusting(published(), web=web, clock=clock)
    assert caller(trust, token()).id == "ehr"
    web.content = b'{"keys": []}'
    clock.time = NOW + PAUSE
    assert refusal(caplog, trust, token(OTHER_KEY)) == "key-unknown client=ehr"
    assert refusal(caplog, trust, token()) == "key-unknown client=ehr"


def test_keys_that_must_not_be_used_are_dropped_and_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    private = OTHER_KEY.private | {"kid": OTHER_KEY.kid}
    secret = {"kty": "oct", "kid": "s", "k": "AAAA", "alg": "HS256"}
    content = json.dumps({"keys": [private, secret, KEY.public()]}).encode()
    trust = trusting(published(), web=Web(content))
    assert caller(trust, token()).id == "ehr"
    assert Trouble(what="keys-dropped", client="ehr", count=2) in lines_of(caplog)
    assert refusal(caplog, trust, token(OTHER_KEY)) == "key-unknown client=ehr"


# -------------------------------------------------------------------------------------------- keys


def rsa_jwk(bits: int, **more: object) -> dict[str, Any]:
    # Smaller than any that is accepted: only to be refused.
    made = rsa.generate_private_key(65537, bits)
    return RSAAlgorithm.to_jwk(made.public_key(), as_dict=True) | {"kid": "k"} | more


def ec_jwk(curve: ec.EllipticCurve, **more: object) -> dict[str, Any]:
    made = ec.generate_private_key(curve).public_key()
    return ECAlgorithm.to_jwk(made, as_dict=True) | {"kid": "k"} | more


PUBLIC = KEY.public()


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (ec_jwk(ec.SECP256R1()), {"ES256"}),
        (ec_jwk(ec.SECP384R1()), {"ES384"}),
        (ec_jwk(ec.SECP521R1()), {"ES512"}),
        (rsa_jwk(2048), {"RS256", "RS384", "RS512", "PS384", "PS512"}),
        (rsa_jwk(2048, alg="PS384"), {"PS384"}),
        (PUBLIC | {"key_ops": ["verify"]}, {"ES384"}),
        (PUBLIC | {"x5c": ["unread"], "ext": True}, {"ES384"}),
    ],
)
def test_what_a_key_can_verify(key: dict[str, Any], algorithms: set[str]) -> None:
    read = read_key_set(json.dumps({"keys": [key]}).encode())
    assert read.problems == ()
    assert [k.algorithms for k in read.keys.values()] == [algorithms]


@pytest.mark.parametrize(
    "key",
    [
        PUBLIC | {"use": "enc"},
        PUBLIC | {"key_ops": ["encrypt"]},
        ec_jwk(ec.SECP256K1()),
        {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "k"},
        {"kty": "LATTICE", "kid": "k"},
        {"kty": "EC", "kid": "k"},
    ],
)
def test_keys_that_sign_no_token_here_are_passed_over(key: dict[str, Any]) -> None:
    read = read_key_set(json.dumps({"keys": [key, RSA_KEY.public()]}).encode())
    assert list(read.keys) == [RSA_KEY.kid]
    assert read.problems == ()


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ({"kty": "oct", "k": "AAAA", "kid": "k"}, "is a symmetric key"),
        (KEY.private | {"kid": "k"}, "is a private key"),
        (RSA_KEY.private | {"kid": "k"}, "is a private key"),
        (PUBLIC | {"d": ""}, "is a private key"),
        (rsa_jwk(1024), "is RSA of 1024 bits"),
        (RSA_KEY.public() | {"n": "AQ" * 1500}, "is RSA of 17993 bits"),
        (PUBLIC | {"alg": "HS256"}, "is no key for its alg 'HS256'"),
        (PUBLIC | {"alg": "none"}, "is no key for its alg 'none'"),
        (PUBLIC | {"alg": "ES256"}, "is no key for its alg 'ES256'"),
        (RSA_KEY.public() | {"alg": "ES384"}, "is no key for its alg 'ES384'"),
        ({k: v for k, v in PUBLIC.items() if k != "kid"}, "has no usable kid"),
        (PUBLIC | {"kid": ""}, "has no usable kid"),
        (PUBLIC | {"kid": "k" * 257}, "has no usable kid"),
        (PUBLIC | {"kid": 5}, "is no JWK"),
        (PUBLIC | {"kty": None}, "is no JWK"),
        ({"kid": "k"}, "is no JWK"),
        (PUBLIC | {"x": "AAAA"}, "is broken"),
        (PUBLIC | {"x": PUBLIC["y"]}, "is broken"),
        (PUBLIC | {"x": 5}, "is broken"),
        (PUBLIC | {"y": None}, "is broken"),
        (RSA_KEY.public() | {"e": "AA"}, "is broken"),
        ({k: v for k, v in RSA_KEY.public().items() if k != "n"}, "is broken"),
    ],
)
def test_keys_that_must_not_be_used(key: dict[str, Any], reason: str) -> None:
    other = OTHER_KEY.public()
    read = read_key_set(json.dumps({"keys": [other, key]}).encode())
    assert [(p.place, p.reason) for p in read.problems] == [("keys[1]", reason)]
    assert list(read.keys) == [OTHER_KEY.kid]


def test_a_kid_that_names_two_keys_names_none() -> None:
    twice = OTHER_KEY.public() | {"kid": KEY.kid}
    read = read_key_set(json.dumps({"keys": [PUBLIC, twice, RSA_KEY.public()]}).encode())
    assert list(read.keys) == [RSA_KEY.kid]
    assert [p.place for p in read.problems] == ["keys[0]", "keys[1]"]
