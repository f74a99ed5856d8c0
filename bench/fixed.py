"""The card that both yardsticks answer, whatever they are sent."""

from __future__ import annotations

from typing import Any

RESPONSE: dict[str, Any] = {
    "cards": [
        {
            "uuid": "5f4e3d2c-1b0a-4958-8776-655443322110",
            "summary": "Defibrillator order received.",
            "indicator": "info",
            "detail": "Nothing was judged.",
            "source": {"label": "bench", "url": "https://example.org/bench"},
        },
    ],
}
