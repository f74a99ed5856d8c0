"""One trial of a service: all groups of checks, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import requests

from defib_coverage.hooks.trust.signing import new_key
from defib_coverage.selftest import (
    awkward_checks,
    discovery_checks,
    feedback_checks,
    good_checks,
    hostile_checks,
    slow_checks,
    trust_checks,
    wrong_checks,
)
from defib_coverage.selftest.caller import DISCOVERY, Signer, UnreachableError
from defib_coverage.selftest.calls import call

if TYPE_CHECKING:
    from collections.abc import Callable

    from defib_coverage.selftest.caller import Caller
    from defib_coverage.selftest.checks import Group

_OK = 200
_UNAUTHORISED = 401


class Trial(msgspec.Struct, frozen=True):
    """What is to be tried.

    ``unsigned`` is the status with which a good call without a token was answered. ``blocked`` says
    why most could not be tried: a token is wanted, and there is none that is let in.
    """

    groups: tuple[Group, ...]
    unsigned: int
    blocked: str | None

    @property
    def open(self) -> bool:
        """Whether the service answers whoever calls."""
        return self.unsigned == _OK


def _feedback(caller: Caller, blocked: str | None) -> Group:
    """The checks of feedback, where there is a ledger."""
    group = feedback_checks.group()
    if blocked is not None or feedback_checks.keeps_ledger(caller):
        return group
    return msgspec.structs.replace(group, skipped="the service keeps no ledger")


def prepare(caller: Caller, now: Callable[[], float]) -> Trial:
    """See whether the service is there and whom it lets in; then say what to try.

    Args:
        caller: the service; its signer is the registered client, if there is one.
        now: the clock, in seconds since 1970.

    Raises:
        UnreachableError: there is no answer at all.
    """
    try:
        caller.get(DISCOVERY)
        unsigned = caller.anonymous().call(call()).status
        signed = None if caller.signer is None else caller.call(call()).status
    except requests.exceptions.SSLError as error:
        message = (
            f"{caller.base}: its certificate is not trusted; DEFIB_COVERAGE_CA_BUNDLE names your "
            "own authority"
        )
        raise UnreachableError(message) from error
    except (requests.RequestException, OSError) as error:
        message = f"{caller.base}: could not be reached ({type(error).__name__})"
        raise UnreachableError(message) from error
    blocked = None
    if signed == _UNAUTHORISED:
        blocked = "the service refuses this client's token; `client test` tells likely reasons"
    elif unsigned == _UNAUTHORISED and caller.signer is None:
        blocked = "the service wants a token, and no --client was given"
    groups = [
        module.group() for module in (good_checks, awkward_checks, wrong_checks, hostile_checks)
    ]
    groups += [_feedback(caller, blocked), slow_checks.group()]
    if blocked is not None:
        groups = [msgspec.structs.replace(group, skipped=blocked) for group in groups]
    stranger = Signer(new_key(), "https://stranger.selftest.invalid", caller.base, now)
    trust = trust_checks.groups(stranger, caller.signer)
    if signed == _UNAUTHORISED:
        # Where nothing is let in, a refusal shows nothing.
        trust[1:] = [msgspec.structs.replace(group, skipped=blocked) for group in trust[1:]]
    if caller.signer is None and blocked is None:
        reason = f"the service wants no token: a call without one was answered with {unsigned}"
        trust = [msgspec.structs.replace(group, skipped=reason) for group in trust]
    return Trial((discovery_checks.group(), *groups, *trust), unsigned, blocked)
