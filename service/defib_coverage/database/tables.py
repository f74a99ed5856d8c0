"""The tables of the database: the ledger's, and that of used tokens.

Migrations make them; a test holds the two together.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISION = "0002"
"""The revision of the tables that this version works with."""

TABLES = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)

USED_TOKEN = Table(
    "used_token",
    TABLES,
    Column("issuer", String(500), primary_key=True),
    Column("jti_sha256", String(64), primary_key=True),
    Column("expires", Float, nullable=False, index=True),
)

# One row a UTC day on which anything was recorded: how many rows it has, and the link of the last.
# ``seal`` is a keyed digest of the row; ``purged`` is when its rows were deleted, once they are.
DAY = Table(
    "day",
    TABLES,
    Column("day", Date, primary_key=True),
    Column("length", Integer, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    Column("purged", String(27)),
)

# One row: which day the ledger ends on, sealed with its number of rows and its last link. Without
# it the last days could be taken out whole.
TAIL = Table(
    "tail",
    TABLES,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
)

REPORTED = ("client", "policy", "status", "findings")
"""The columns that reports count decisions by."""

# One row a judged order of an answered call. Times are UTC, in ISO 8601 with microseconds; lists
# are JSON. ``patient`` is a keyed digest; ``offer_count`` counts the cards with suggestions.
# ``determination`` and ``response`` are compressed, the latter encrypted too; settings say whether
# they are kept.
DECISION = Table(
    "decision",
    TABLES,
    Column("id", String(36), primary_key=True),
    Column("day", Date, nullable=False),
    Column("position", Integer, nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    Column("time", String(27), nullable=False),
    Column("call", String(36), nullable=False),
    Column("hook_instance", String(36), nullable=False),
    Column("service", String(64), nullable=False),
    Column("client", String(200)),
    Column("patient", String(32), nullable=False),
    Column("order_code", String(40)),
    Column("order_class", String(32), nullable=False),
    Column("service_date", Date, nullable=False),
    Column("policy", String(32)),
    Column("data_digest", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("findings", Text, nullable=False),
    Column("indications", Text, nullable=False),
    Column("assertion_id", String(64)),
    Column("milliseconds", Float, nullable=False),
    Column("cards", Text, nullable=False),
    Column("card_count", Integer, nullable=False),
    Column("offer_count", Integer, nullable=False),
    Column("determination", LargeBinary),
    Column("response", LargeBinary),
    Index("ix_decision_day", "day", "position", unique=True),
    Index("ix_decision_assertion_id", "assertion_id"),
    Index("ix_decision_patient", "patient"),
    # All that a report counts by, in that order: it need not sort, nor look at the rows.
    Index("ix_decision_report", *REPORTED, "day", "card_count", "offer_count"),
)

# One row a card: which decision it tells of, and of what kind it is. All of it stands in the
# decision's own row too, which the chain covers.
CARD = Table(
    "card",
    TABLES,
    Column("id", String(36), primary_key=True),
    Column("decision", String(36), ForeignKey("decision.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
)

# One row a clinician's answer to a card. ``card`` is the id that was named; ``decision`` is empty
# where the client was sent no such card. It is what was known when the row was written: a decision
# of another process whose spool is replayed later is found by the card. ``said`` is the same for a
# repeat of the same answer.
FEEDBACK = Table(
    "feedback",
    TABLES,
    Column("id", String(36), primary_key=True),
    Column("day", Date, nullable=False),
    Column("position", Integer, nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    Column("time", String(27), nullable=False),
    Column("client", String(200)),
    Column("service", String(64), nullable=False),
    Column("card", String(200), nullable=False, index=True),
    Column("decision", String(36), index=True),
    Column("outcome", String(16), nullable=False),
    Column("outcome_time", String(40)),
    Column("suggestions", Text, nullable=False),
    Column("reason_system", String(400)),
    Column("reason_code", String(200)),
    Column("comment", LargeBinary),
    Column("said", String(64), nullable=False, unique=True),
    Index("ix_feedback_day", "day", "position", unique=True),
)

# One row an order of which a draft of the rules would have told something else. ``decision`` is
# what was decided, empty where the present rules had nothing to say; ``unread`` counts what the
# draft would have looked up and the call did not. ``reasons`` is a JSON list; ``detail`` is
# compressed, and kept where determinations are.
DIFFERENCE = Table(
    "difference",
    TABLES,
    Column("id", String(36), primary_key=True),
    Column("day", Date, nullable=False),
    Column("position", Integer, nullable=False),
    Column("link", LargeBinary(32), nullable=False),
    Column("time", String(27), nullable=False),
    Column("decision", String(36), index=True),
    Column("client", String(200)),
    Column("service", String(64), nullable=False),
    Column("order_code", String(40)),
    Column("order_class", String(32), nullable=False),
    Column("service_date", Date, nullable=False),
    Column("data_digest", String(64), nullable=False),
    Column("draft_digest", String(64), nullable=False),
    Column("status_before", String(16), nullable=False),
    Column("status_after", String(16), nullable=False),
    Column("reasons", Text, nullable=False),
    Column("unread", Integer, nullable=False),
    Column("detail", LargeBinary),
    Index("ix_difference_day", "day", "position", unique=True),
)

CHAINED = (DECISION, FEEDBACK, DIFFERENCE)
"""The tables whose rows stand in one chain, each at its own position of its day."""
