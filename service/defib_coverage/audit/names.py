"""What the files of an audit are called."""

from __future__ import annotations

MANIFEST = "manifest.json"
ROWS = "determinations.ndjson"
COLUMNS = "determinations.parquet"
REJECTS = "rejects.ndjson"
WORK = "work"
"""The folder of what a run knows so far."""
JOB = "job.json"
"""In there: what the run is."""
