"""Good tokens, keys and client files with random damage: read, or refused as they should be."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING

import jwt
import pytest
from hypothesis import note
from jwt.algorithms import ECAlgorithm

import fuzz_seeds
from defib_coverage.errors import DataError, RequestError
from defib_coverage.hooks.trust.client_file import read_clients
from defib_coverage.hooks.trust.jwks import read_key_set
from defib_coverage.hooks.trust.tokens import RefusedError, read_token
from mutation import Mutator, damage, encode
from soak import INPUTS, change, damaged, soak
from tokens import AUDIENCE, KEY, caller, encoded, key_set, token, trusting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

    from defib_coverage.hooks.trust.trust import Trust
    from mutation import Tree

TRUST = fuzz_seeds.trust_examples()
OF_TRUST = Mutator(TRUST)
ES384 = ECAlgorithm(ECAlgorithm.SHA384)
PRIVATE = jwt.PyJWK(KEY.private, KEY.algorithm).key
KEY_TEXT = key_set(KEY)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What is logged is not kept."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def _check_token(parts: Tree, left: Sequence[Random], trust: Trust, runner: asyncio.Runner) -> bool:
    """A token that is signed all the same: whether it can be read; its caller is known or 401."""
    members = parts if isinstance(parts, dict) else {}
    content = [encoded(encode(members.get(name))) for name in ("header", "claims")]
    signature = ES384.sign(".".join(content).encode(), PRIVATE)
    text = ".".join((*content, encoded(signature)))
    for chance in left:
        text = damage(text.encode(), chance, b"..e30.").decode("latin-1")
    authorization = f"Bearer {text}"
    status = 401
    try:
        runner.run(trust.caller(authorization, AUDIENCE))
    except RequestError as error:
        status = error.status
    assert status == 401
    with suppress(RefusedError):
        return bool(read_token(authorization).claims.iss)
    return False


def _check_keys(parts: Tree, left: Sequence[Random]) -> bool:
    """A JWK Set: whether it can be read, with its problems named."""
    with suppress(ValueError):
        read = read_key_set(damaged(parts, left, KEY_TEXT))
        assert all(p.place and p.reason and p.remedy for p in read.problems)
        return True
    return False


def _toml(value: Tree) -> str:
    """A value in one line of TOML, as far as TOML has it."""
    if isinstance(value, dict):
        members = (f"{json.dumps(name)} = {_toml(inner)}" for name, inner in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def _check_clients(parts: Tree, left: Sequence[Random], path: Path) -> bool:
    """A client file: whether it can be read; if not, its faults are told."""
    members = parts.items() if isinstance(parts, dict) else ()
    text = "".join(f"{json.dumps(name)} = {_toml(value)}\n" for name, value in members).encode()
    for chance in left:
        text = damage(text, chance, KEY_TEXT)
    path.write_bytes(text)
    with suppress(DataError):
        assert read_clients(path, development=False)
        return True
    return False


def test_tokens_keys_and_client_files_are_read_or_refused(tmp_path: Path) -> None:
    trust = trusting()
    (tmp_path / "b.jwks.json").write_bytes(KEY_TEXT)

    def check(example: int, changes: list[int]) -> bool:
        parts = deepcopy(TRUST[example])
        # These are small: more changes leave nothing of them.
        left = change(OF_TRUST, parts, changes[:2])
        note(f"{parts!r}"[:5000])
        if "header" in TRUST[example]:
            return _check_token(parts, left, trust, runner)
        if "keys" in TRUST[example]:
            return _check_keys(parts, left)
        return _check_clients(parts, left, tmp_path / "clients.toml")

    with asyncio.Runner() as runner:
        soak("tokens, keys, client files", check, len(TRUST), INPUTS // 5)
    assert caller(trust, token()).id == "ehr"
