"""The ledger, and the used tokens that were there before it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables; used tokens may have one already, from before there were steps."""
    if not sa.inspect(op.get_bind()).has_table("used_token"):
        op.create_table(
            "used_token",
            sa.Column("issuer", sa.String(500), nullable=False),
            sa.Column("jti_sha256", sa.String(64), nullable=False),
            sa.Column("expires", sa.Float, nullable=False),
            sa.PrimaryKeyConstraint("issuer", "jti_sha256", name="pk_used_token"),
        )
        op.create_index("ix_used_token_expires", "used_token", ["expires"])
    op.create_table(
        "day",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("head", sa.LargeBinary(32), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
        sa.Column("purged", sa.String(27)),
        sa.PrimaryKeyConstraint("day", name="pk_day"),
    )
    op.create_table(
        "tail",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tail"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("link", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("call", sa.String(36), nullable=False),
        sa.Column("hook_instance", sa.String(36), nullable=False),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("client", sa.String(200)),
        sa.Column("patient", sa.String(32), nullable=False),
        sa.Column("order_code", sa.String(40)),
        sa.Column("order_class", sa.String(32), nullable=False),
        sa.Column("service_date", sa.Date, nullable=False),
        sa.Column("policy", sa.String(32)),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("findings", sa.Text, nullable=False),
        sa.Column("indications", sa.Text, nullable=False),
        sa.Column("assertion_id", sa.String(64)),
        sa.Column("milliseconds", sa.Float, nullable=False),
        sa.Column("cards", sa.Text, nullable=False),
        sa.Column("card_count", sa.Integer, nullable=False),
        sa.Column("offer_count", sa.Integer, nullable=False),
        sa.Column("determination", sa.LargeBinary),
        sa.Column("response", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_decision"),
    )
    op.create_index("ix_decision_day", "decision", ["day", "position"], unique=True)
    op.create_index("ix_decision_assertion_id", "decision", ["assertion_id"])
    op.create_index("ix_decision_patient", "decision", ["patient"])
    reported = ["client", "policy", "status", "findings", "day", "card_count", "offer_count"]
    op.create_index("ix_decision_report", "decision", reported)
    op.create_table(
        "card",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("decision", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_card"),
        sa.ForeignKeyConstraint(["decision"], ["decision.id"], name="fk_card_decision"),
    )
    op.create_index("ix_card_decision", "card", ["decision"])
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("link", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("client", sa.String(200)),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("card", sa.String(200), nullable=False),
        sa.Column("decision", sa.String(36)),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("outcome_time", sa.String(40)),
        sa.Column("suggestions", sa.Text, nullable=False),
        sa.Column("reason_system", sa.String(400)),
        sa.Column("reason_code", sa.String(200)),
        sa.Column("comment", sa.LargeBinary),
        sa.Column("said", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("said", name="uq_feedback_said"),
    )
    op.create_index("ix_feedback_card", "feedback", ["card"])
    op.create_index("ix_feedback_decision", "feedback", ["decision"])
    op.create_index("ix_feedback_day", "feedback", ["day", "position"], unique=True)
