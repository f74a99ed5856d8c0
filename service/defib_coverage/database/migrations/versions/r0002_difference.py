"""What a draft of the rules would have told otherwise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; what stands in the others stays as it is."""
    op.create_table(
        "difference",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("link", sa.LargeBinary(32), nullable=False),
        sa.Column("time", sa.String(27), nullable=False),
        sa.Column("decision", sa.String(36)),
        sa.Column("client", sa.String(200)),
        sa.Column("service", sa.String(64), nullable=False),
        sa.Column("order_code", sa.String(40)),
        sa.Column("order_class", sa.String(32), nullable=False),
        sa.Column("service_date", sa.Date, nullable=False),
        sa.Column("data_digest", sa.String(64), nullable=False),
        sa.Column("draft_digest", sa.String(64), nullable=False),
        sa.Column("status_before", sa.String(16), nullable=False),
        sa.Column("status_after", sa.String(16), nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("unread", sa.Integer, nullable=False),
        sa.Column("detail", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_difference"),
    )
    op.create_index("ix_difference_decision", "difference", ["decision"])
    op.create_index("ix_difference_day", "difference", ["day", "position"], unique=True)
