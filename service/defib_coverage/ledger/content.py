"""How much of a decision the ledger keeps."""

from __future__ import annotations

from typing import Literal

Content = Literal["columns", "determination", "response"]
"""What can be counted; what was decided, too; and what was sent, too."""
