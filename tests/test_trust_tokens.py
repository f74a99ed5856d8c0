"""Tokens that are let in, and every way in which one is refused."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from defib_coverage.errors import RequestError
from defib_coverage.hooks.trust.jwks import read_key_set
from defib_coverage.hooks.trust.replay import TokensInMemory
from defib_coverage.hooks.trust.signing import SigningKey, new_key
from defib_coverage.logs import TokenRefused
from tokens import (
    AUDIENCE,
    ISSUER,
    JKU,
    KEY,
    NOW,
    OTHER_KEY,
    RSA_KEY,
    Clock,
    Web,
    caller,
    encoded,
    key_set,
    lines_of,
    pinned,
    published,
    refusal,
    token,
    trusting,
)

HEADER = {"alg": "ES384", "kid": KEY.kid, "typ": "JWT"}
CLAIMS = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 300, "iat": NOW, "jti": "1"}


def signed(header: dict[str, Any], claims: object, key: SigningKey = KEY) -> str:
    """A token with any header and any claims, signed as ES384 whatever they say."""
    text = f"{encoded(header)}.{encoded(claims)}"
    private = jwt.PyJWK(key.private, "ES384").key
    signature = jwt.get_algorithm_by_name("ES384").sign(text.encode(), private)
    return f"{text}.{encoded(signature)}"


def public_pem() -> bytes:
    key = read_key_set(key_set(RSA_KEY)).keys[RSA_KEY.kid].key
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kind)


# ----------------------------------------------------------------------------------- who is let in


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_a_good_token_names_its_client(scheme: str) -> None:
    trust = trusting()
    found = asyncio.run(trust.caller(f"{scheme} {token()}", AUDIENCE))
    assert found.id == "ehr"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": [AUDIENCE]},
        {"aud": ["https://elsewhere.example", AUDIENCE]},
        {"exp": NOW + 600},
        {"exp": NOW - 29, "iat": NOW - 300},
        {"iat": NOW + 29},
        {"iat": NOW + 0.5, "exp": NOW + 300.25},
        {"nbf": NOW - 5},
        {"nbf": NOW + 29},
        {"jti": "a" * 64},
        {"jti": "\N{WINKING FACE}"},
        {"jti": "\0"},
        {"tenant": "none asked for"},
        {"sub": 17, "patient": {"any": ["claim"]}},
    ],
)
def test_what_a_token_may_say(claims: dict[str, Any]) -> None:
    assert caller(trusting(), token(**claims)).id == "ehr"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "Jwt"])
def test_the_type_is_jwt_in_any_spelling(typ: str) -> None:
    assert caller(trusting(), signed(HEADER | {"typ": typ}, CLAIMS)).id == "ehr"


def test_the_type_may_be_missing() -> None:
    assert caller(trusting(), signed({"alg": "ES384", "kid": KEY.kid}, CLAIMS)).id == "ehr"


def test_rsa_keys_sign_too() -> None:
    assert caller(trusting(pinned(KEY, RSA_KEY)), token(RSA_KEY)).id == "ehr"


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS384", "PS512"])
def test_an_rsa_key_without_alg_does_what_the_client_may(algorithm: str) -> None:
    key = SigningKey(RSA_KEY.kid, algorithm, RSA_KEY.private)
    registration = pinned(key, algorithms=(algorithm,))
    assert caller(trusting(registration), token(key)).id == "ehr"


def test_a_client_may_be_allowed_longer_tokens() -> None:
    day = token(exp=NOW + 86400)
    assert caller(trusting(pinned(longest_token=86400)), day).id == "ehr"


def test_tenants_tell_the_clients_of_one_issuer_apart() -> None:
    north = pinned(KEY, identity="north", tenant="n")
    south = pinned(OTHER_KEY, identity="south", tenant="s")
    trust = trusting(north, south)
    assert caller(trust, token(KEY, tenant="n")).id == "north"
    assert caller(trust, token(OTHER_KEY, tenant="s")).id == "south"


# ------------------------------------------------------------------------------------- who is not


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://other.example"}, "issuer-unknown"),
        ({"iss": ISSUER + "/"}, "issuer-unknown"),
        ({"aud": "https://cds.example.org/cds-services"}, "audience-other"),
        ({"aud": AUDIENCE + "/"}, "audience-other"),
        ({"aud": AUDIENCE.replace("https", "http")}, "audience-other"),
        ({"aud": [AUDIENCE + "x", "y"]}, "audience-other"),
        ({"aud": []}, "audience-other"),
        ({"aud": ""}, "audience-other"),
        ({"exp": NOW - 30, "iat": NOW - 300}, "expired"),
        ({"exp": 0, "iat": 0}, "expired"),
        ({"iat": NOW + 31}, "not-yet-valid"),
        ({"nbf": NOW + 31}, "not-yet-valid"),
        ({"exp": NOW + 601}, "lives-too-long"),
        ({"exp": NOW + 86400 * 365}, "lives-too-long"),
        ({"exp": 2**53}, "lives-too-long"),
        ({"exp": 2**53 + 1}, "claims-wrong"),
        ({"exp": 10**400}, "claims-wrong"),
        ({"exp": float("nan")}, "claims-wrong"),
        ({"exp": float("inf")}, "claims-wrong"),
        ({"iat": float("-inf")}, "claims-wrong"),
        ({"iat": -1}, "claims-wrong"),
        ({"nbf": float("nan")}, "claims-wrong"),
        ({"nbf": "soon"}, "claims-wrong"),
        ({"exp": str(NOW + 300)}, "claims-wrong"),
        ({"exp": True}, "claims-wrong"),
        ({"exp": [NOW + 300]}, "claims-wrong"),
        ({"jti": ""}, "claims-wrong"),
        ({"jti": 1}, "claims-wrong"),
        ({"jti": "j" * 257}, "claims-wrong"),
        ({"jti": "\ud800"}, "claims-wrong"),
        ({"aud": 5}, "claims-wrong"),
        ({"aud": [5]}, "claims-wrong"),
        ({"aud": {"any": AUDIENCE}}, "claims-wrong"),
        ({"tenant": 5}, "claims-wrong"),
        ({"iss": "\N{SNOWMAN}"}, "issuer-unknown"),
    ]
    + [({claim: None}, "claims-wrong") for claim in ("iss", "aud", "exp", "iat", "jti")],
)
def test_claims_that_are_refused(
    claims: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = signed(HEADER, CLAIMS | claims)
    assert refusal(caplog, trusting(), text).startswith(reason + " ")


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_is_required(claim: str, caplog: pytest.LogCaptureFixture) -> None:
    text = signed(HEADER, {k: v for k, v in CLAIMS.items() if k != claim})
    assert refusal(caplog, trusting(), text) == "claims-wrong client unknown"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"alg": "none"}, "algorithm-refused"),
        ({"alg": "None"}, "algorithm-refused"),
        ({"alg": "HS256"}, "algorithm-refused"),
        ({"alg": "ES256"}, "algorithm-refused"),
        ({"alg": "RS256"}, "algorithm-refused"),
        ({"alg": "RS384"}, "algorithm-refused"),
        ({"alg": None}, "header-refused"),
        ({"alg": ["ES384"]}, "header-refused"),
        ({"alg": ""}, "algorithm-refused"),
        ({"kid": "another"}, "key-unknown"),
        ({"kid": ""}, "key-unknown"),
        ({"kid": OTHER_KEY.kid}, "key-unknown"),
        ({"kid": None}, "header-refused"),
        ({"kid": 5}, "header-refused"),
        ({"typ": "JWS"}, "header-refused"),
        ({"typ": "at+jwt"}, "header-refused"),
        ({"typ": 1}, "header-refused"),
        ({"crit": ["urn:example:unknown"], "urn:example:unknown": 1}, "header-refused"),
        ({"crit": []}, "header-refused"),
        ({"crit": ["b64"], "b64": True}, "header-refused"),
        ({"b64": False}, "token-garbled"),
        ({"jku": 5}, "header-refused"),
    ],
)
def test_headers_that_are_refused(
    header: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = signed(HEADER | header, CLAIMS)
    assert refusal(caplog, trusting(), text).startswith(reason + " ")


def test_the_kid_is_required_even_where_there_is_one_key(caplog: pytest.LogCaptureFixture) -> None:
    text = signed({"alg": "ES384", "typ": "JWT"}, CLAIMS)
    assert refusal(caplog, trusting(), text).startswith("header-refused ")


def test_a_token_that_is_not_signed_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    text = f"{encoded(HEADER | {'alg': 'none'})}.{encoded(CLAIMS)}."
    assert refusal(caplog, trusting(), text) == "algorithm-refused client=ehr"
    text = f"{encoded(HEADER)}.{encoded(CLAIMS)}."
    assert refusal(caplog, trusting(), text) == "signature-wrong client=ehr"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "RS384"])
def test_the_public_key_is_no_secret_to_sign_with(
    algorithm: str, caplog: pytest.LogCaptureFixture
) -> None:
    header = {"alg": algorithm, "kid": RSA_KEY.kid, "typ": "JWT"}
    text = f"{encoded(header)}.{encoded(CLAIMS)}"
    digest = hashlib.sha256 if algorithm == "HS256" else hashlib.sha384
    text += "." + encoded(hmac.digest(public_pem(), text.encode(), digest))
    reason = "signature-wrong" if algorithm == "RS384" else "algorithm-refused"
    assert refusal(caplog, trusting(pinned(RSA_KEY)), text) == f"{reason} client=ehr"


def test_an_algorithm_of_another_kind_of_key_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    text = signed(HEADER | {"alg": "RS384"}, CLAIMS)
    trust = trusting(pinned(algorithms=("ES384", "RS384")))
    assert refusal(caplog, trust, text) == "algorithm-refused client=ehr"


def test_an_algorithm_that_the_client_may_not_use_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    key = SigningKey(RSA_KEY.kid, "RS256", RSA_KEY.private)
    assert refusal(caplog, trusting(pinned(key)), token(key)) == "algorithm-refused client=ehr"


def test_a_key_with_an_algorithm_of_its_own_does_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    strong = SigningKey(RSA_KEY.kid, "RS256", RSA_KEY.private)
    trust = trusting(pinned(RSA_KEY, algorithms=("RS256", "RS384")))
    assert refusal(caplog, trust, token(strong)) == "algorithm-refused client=ehr"


def test_another_clients_key_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    other = pinned(OTHER_KEY, identity="other", issuer="https://other.example")
    trust = trusting(pinned(), other)
    assert refusal(caplog, trust, token(OTHER_KEY)) == "key-unknown client=ehr"
    posing = SigningKey(KEY.kid, "ES384", OTHER_KEY.private)
    assert refusal(caplog, trust, token(posing)) == "signature-wrong client=ehr"


def test_a_tenant_that_is_asked_for_must_come(caplog: pytest.LogCaptureFixture) -> None:
    trust = trusting(pinned(tenant="north"))
    assert refusal(caplog, trust, token()) == "tenant-other client=ehr"
    assert refusal(caplog, trust, token(tenant="south")) == "tenant-other client=ehr"
    assert refusal(caplog, trust, token(tenant="")) == "tenant-other client=ehr"
    assert caller(trust, token(tenant="north")).id == "ehr"


def test_a_tenant_of_no_client_is_logged_by_its_issuers_digest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trust = trusting(
        pinned(identity="north", tenant="n"), pinned(OTHER_KEY, identity="south", tenant="s")
    )
    digest = hashlib.sha256(ISSUER.encode()).hexdigest()[:12]
    assert refusal(caplog, trust, token(tenant="x")) == f"tenant-other issuer-sha256={digest}"
    assert refusal(caplog, trust, token(OTHER_KEY, tenant="n")) == "key-unknown client=north"


def test_the_order_of_the_checks(caplog: pytest.LogCaptureFixture) -> None:
    """Issuer, audience, time, tenant, signature, id: each fault is told before the next."""
    clock = Clock()
    used = TokensInMemory(clock)
    trust = trusting(pinned(tenant="n"), clock=clock, used=used)
    assert caller(trust, token(tenant="n", jti="used")).id == "ehr"
    wrong: dict[str, Any] = {"jti": "used"}
    faults: list[tuple[str, dict[str, Any]]] = [
        ("signature-wrong", {}),
        ("tenant-other", {"tenant": "x"}),
        ("expired", {"exp": NOW - 100}),
        ("audience-other", {"aud": "x"}),
        ("issuer-unknown", {"iss": "x"}),
    ]
    posing = SigningKey(KEY.kid, "ES384", OTHER_KEY.private)
    assert refusal(caplog, trust, token(tenant="n", **wrong)).startswith("token-replayed ")
    for reason, fault in faults:
        wrong = wrong | fault
        text = token(posing, **{"tenant": "n"} | wrong)
        assert refusal(caplog, trust, text).startswith(reason + " ")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Token abc",
        "Bearer" + "\t" + "abc",
    ],
)
def test_no_token(header: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RequestError, match=r"^authentication required$"):
        asyncio.run(trusting().caller(header, AUDIENCE))
    assert lines_of(caplog) == [TokenRefused(reason="token-missing")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * 1_000_000, "token-too-long"),
        (f"{encoded(HEADER)}.{'A' * 1_000_000}.{'A' * 128}", "token-too-long"),
        ("a", "token-garbled"),
        ("..", "token-garbled"),
        ("a.b.c", "token-garbled"),
        ("a.b.c.d.e", "token-garbled"),
        ("\xe9\xff.\xe9.\xe9", "token-garbled"),
        ("\N{SNOWMAN}.\ud800.x", "token-garbled"),
        (f"{encoded(b'[' * 3000)}.e30.AA", "token-garbled"),
        (f"{encoded(b'x')}.e30.AA", "token-garbled"),
        (f"{encoded([])}.e30.AA", "token-garbled"),
        (f"{encoded(HEADER)}.{encoded(b'[' * 3000)}.AA", "claims-wrong"),
        (f"{encoded(HEADER)}.{encoded(b'{' + bytes([255]))}.AA", "claims-wrong"),
        (f"{encoded(HEADER)}.{encoded([])}.AA", "claims-wrong"),
        (f"{encoded(HEADER)}.{encoded(b'')}.AA", "claims-wrong"),
        (f"{encoded({})}.{encoded(CLAIMS)}.AA", "header-refused"),
    ],
)
def test_what_is_no_token(text: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    assert refusal(caplog, trusting(), text) == f"{reason} client unknown"


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        caller(trusting(), text)
    assert caught.value.status == 401


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jku", "crit", "b64"]), _json),
    st.dictionaries(st.sampled_from([*CLAIMS, "nbf", "tenant"]), _json),
)
def test_any_header_and_claims_with_a_wrong_signature_are_refused(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    text = signed(HEADER | header, CLAIMS | claims, OTHER_KEY)
    with pytest.raises(RequestError) as caught:
        caller(trusting(), text)
    assert caught.value.status == 401


@given(st.data())
def test_a_token_with_one_letter_changed_is_refused(data: st.DataObject) -> None:
    good = TOKEN
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    )
    changed = good[:place] + letter + good[place + 1 :]
    trust = trusting()
    if changed == good:
        assert caller(trust, changed).id == "ehr"
        return
    with pytest.raises(RequestError) as caught:
        caller(trust, changed)
    assert caught.value.status == 401


TOKEN = token()


# --------------------------------------------------------------------------------------------- jku


def test_a_jku_is_ignored_where_keys_are_pinned() -> None:
    web = Web(key_set(OTHER_KEY))
    trust = trusting(web=web)
    assert caller(trust, token(jku_header="https://ehr.example.org/anywhere")).id == "ehr"
    assert web.fetched == []


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/jwks.json",
        "https://ehr.example.org/other.json",
        JKU + "?x",
        JKU + "#",
        JKU.upper(),
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_jku_elsewhere_is_never_fetched(elsewhere: str, caplog: pytest.LogCaptureFixture) -> None:
    web = Web(key_set(KEY))
    trust = trusting(published(), web=web)
    assert refusal(caplog, trust, token(jku_header=elsewhere)) == "jku-other client=ehr"
    assert web.fetched == []


@pytest.mark.parametrize("jku", [None, JKU])
def test_the_registered_jku_is_fetched(jku: str | None) -> None:
    web = Web(key_set(KEY))
    assert caller(trusting(published(), web=web), token(jku_header=jku)).id == "ehr"
    assert web.fetched == [JKU]


# ------------------------------------------------------------------------------------------ replay


def test_a_token_is_good_for_one_call(caplog: pytest.LogCaptureFixture) -> None:
    trust = trusting()
    text = token()
    assert caller(trust, text).id == "ehr"
    assert refusal(caplog, trust, text) == "token-replayed client=ehr"
    assert refusal(caplog, trust, text) == "token-replayed client=ehr"


def test_another_token_with_the_same_id_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    trust = trusting()
    assert caller(trust, token(jti="1")).id == "ehr"
    assert refusal(caplog, trust, token(jti="1", iat=NOW - 1)) == "token-replayed client=ehr"


def test_issuers_have_ids_of_their_own() -> None:
    trust = trusting(pinned(), pinned(OTHER_KEY, identity="other", issuer="https://o.example"))
    assert caller(trust, token(jti="1")).id == "ehr"
    assert caller(trust, token(OTHER_KEY, iss="https://o.example", jti="1")).id == "other"


def test_a_refused_token_is_not_used_up(caplog: pytest.LogCaptureFixture) -> None:
    trust = trusting()
    posing = SigningKey(KEY.kid, "ES384", OTHER_KEY.private)
    assert refusal(caplog, trust, token(posing, jti="1")).startswith("signature-wrong ")
    assert caller(trust, token(jti="1")).id == "ehr"


def test_a_token_is_remembered_as_long_as_it_could_be_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    trust = trusting(clock=clock)
    text = token()
    assert caller(trust, text).id == "ehr"
    for after, reason in ((299, "token-replayed"), (329.9, "token-replayed"), (330, "expired")):
        clock.time = NOW + after
        assert refusal(caplog, trust, text) == f"{reason} client=ehr"


def test_of_many_calls_with_one_token_one_is_let_in() -> None:
    trust = trusting()
    text = f"Bearer {token()}"

    async def all_at_once() -> list[object]:
        calls = (trust.caller(text, AUDIENCE) for _ in range(50))
        return await asyncio.gather(*calls, return_exceptions=True)

    found = asyncio.run(all_at_once())
    assert len([f for f in found if not isinstance(f, RequestError)]) == 1


def test_a_new_key_pair_signs_what_its_public_half_verifies() -> None:
    key = new_key()
    assert "d" not in key.public()
    assert caller(trusting(pinned(key)), token(key)).id == "ehr"
    assert set(json.loads(key_set(key))["keys"][0]) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
