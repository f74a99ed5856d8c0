"""Trust: who may call, and that a refusal says no more than that."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from defib_coverage.selftest.caller import DETERMINATIONS, path_of
from defib_coverage.selftest.calls import body_of, call
from defib_coverage.selftest.checks import Check, Group, unmet
from defib_coverage.selftest.demands import refused
from defib_coverage.selftest.feedback_checks import FEEDBACK
from defib_coverage.selftest.tokens import BAD_TOKENS, BadToken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from defib_coverage.selftest.caller import Answer, Caller, Signer

_SIGN = path_of("order-sign")
_OK = 200
_REFUSED = 401


def _with(token: str | None, caller: Caller, path: str = _SIGN) -> Answer:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return caller.anonymous().post(path, body_of(call()), headers)


def _unsigned(path: str, caller: Caller) -> None:
    refused(_with(None, caller, path), (_REFUSED,))


def _bad(token: BadToken, signer: Signer, caller: Caller) -> None:
    answer = _with(token.made(signer, _SIGN), caller)
    refused(answer, (_REFUSED,))
    if answer.content != _with("garbage", caller).content:
        unmet("401 that does not say why", "401 that differs from that for garbage")


def _good(signer: Signer, caller: Caller) -> None:
    tokens = (signer.token(_SIGN), signer.token(_SIGN, aud=[signer.audience + _SIGN]))
    for token in tokens:
        _answered(_with(token, caller))
    _answered(_with(signer.token(DETERMINATIONS), caller, DETERMINATIONS))


def _answered(answer: Answer) -> None:
    if answer.status != _OK:
        unmet("200", answer.short())


def _replayed(signer: Signer, caller: Caller) -> None:
    token = signer.token(_SIGN)
    _answered(_with(token, caller))
    refused(_with(token, caller), (_REFUSED,))


def _unsigned_look_up(caller: Caller) -> None:
    refused(caller.anonymous().get(f"{DETERMINATIONS}/{'0' * 32}"), (_REFUSED,))


def _feedback(signer: Signer, caller: Caller) -> None:
    for path, let_in in ((_SIGN, True), (FEEDBACK, True), (path_of("order-select"), False)):
        answer = _with(signer.token(path), caller, FEEDBACK)
        if (answer.status != _REFUSED) is not let_in:
            unmet("a token that is let in" if let_in else "401", answer.short())


def _registered(signer: Signer) -> Iterator[Check]:
    yield Check("token-good", "a good token is let in", partial(_good, signer))
    yield Check(
        "feedback-audience",
        "a token for feedback is made out to the service or to its feedback",
        partial(_feedback, signer),
    )
    yield Check("token-replayed", "the same token is not let in twice", partial(_replayed, signer))


def groups(stranger: Signer, signer: Signer | None) -> list[Group]:
    """The checks of trust.

    Args:
        stranger: signs for nobody whom the service knows.
        signer: signs for a registered client, if there is one.
    """
    unsigned = (
        Check("unsigned", "401 without a token", partial(_unsigned, _SIGN)),
        Check(
            "unsigned-determinations",
            "401 without a token for determinations too",
            partial(_unsigned, DETERMINATIONS),
        ),
        Check(
            "unsigned-feedback",
            "401 without a token for feedback too",
            partial(_unsigned, FEEDBACK),
        ),
        Check(
            "unsigned-look-up",
            "401 without a token for what was decided",
            _unsigned_look_up,
        ),
    )
    bad = {
        kind: tuple(
            Check(t.name, f"401 for {t.asks}", partial(_bad, t, signer or stranger))
            for t in BAD_TOKENS
            if t.stranger is kind
        )
        for kind in (True, False)
    }
    skipped = "no --client was given" if signer is None else None
    registered = (*_registered(signer or stranger), *bad[False])
    return [
        Group("trust: strangers", (*unsigned, *bad[True])),
        Group("trust: a registered client", registered, skipped),
    ]
