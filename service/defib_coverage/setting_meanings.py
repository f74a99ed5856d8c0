"""What each setting means, in one sentence: what ``settings`` prints and the README tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRETS = frozenset({"ledger_key"})
"""Settings whose value nobody may see; of a URL its password is hidden too."""
FILES = frozenset({"shadow"})
"""Settings that name several files; the environment has them as it has a PATH."""
MEANINGS: Mapping[str, str] = {
    "config": "file of settings, TOML; what the environment says wins over it",
    "zone": "the facility's time zone",
    "overlay": "folder of the site's own evidence codes",
    "payers": "file of the site's Medicare payers, and what their orders need",
    "shadow": (
        "draft files of rules or codes that are tried on every call, with `:` between; answers "
        "stay as they are, and the ledger keeps what would differ"
    ),
    "clients": "file of the clients that may call",
    "trust": "`required` where there is a client file, else `open`; `open` asks nobody for a token",
    "public_base": (
        "the URL under which clients reach the service; their tokens are made out to it"
    ),
    "database": (
        "where the ledger stands and workers share which tokens were used; the ledger stands in a "
        "file of the state folder by default"
    ),
    "state": "folder of what the service itself writes; by default in the user's own",
    "ledger": (
        "a call whose decision cannot be kept: `refuse` it, or answer and `spool` the decision; "
        "`off` keeps no ledger"
    ),
    "ledger_key": (
        "secret of the ledger's digests, at least 32 characters; beside a file of SQLite one is "
        "made"
    ),
    "ledger_content": (
        "what is kept of a decision: its `columns`, the whole `determination`, or the `response` "
        "too, encrypted"
    ),
    "retention_days": "for how many days decisions are kept; without it for ever",
    "fhir_servers": (
        "FHIR base URLs that may be read while the service is open, with commas between"
    ),
    "fhir_seconds": "how long a call may wait for FHIR servers",
    "ca_bundle": (
        "file of certificate authorities for FHIR servers and key sets, instead of the usual ones"
    ),
    "development": ("`true` allows plain http and private addresses: never with real patients"),
    "max_body": "largest request body in bytes",
    "receive_seconds": "how long a request may take to arrive",
    "max_calls": "calls that are answered at a time; more get 503 with Retry-After",
    "cors_origins": (
        "origins of clients in a browser, such as `https://sandbox.cds-hooks.org`, with commas "
        "between"
    ),
    "metrics": (
        "who may read `/metrics`: nobody (`off`), whoever reaches the service (`on`), or whoever "
        "reaches an address of its own, such as `127.0.0.1:9464`"
    ),
    "canonical_base": "the URL below which the value sets and our own code systems are named",
    "terminology": (
        "whether `/fhir` answers as a terminology server: `on`, `without-cpt` numbers, or `off`"
    ),
    "console": (
        "the web pages at `/`: `on`, `off`, or without it all of them where trust is open, else "
        "those that show no patient data"
    ),
    "drain_seconds": (
        "how long the service goes on taking calls after it was told to stop, with 503 at `/ready`"
    ),
}
