"""The distributed engine: the same lines, patients and rule on the processes of a Spark cluster.

What is found when lines are read comes back to the driver, as does each patient's outcome. Between
them Spark brings the lines of each patient together, by ranges of their hashes. Needs pyspark,
which is an extra, on the driver, and this package on every machine of the cluster.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
from pyspark import SparkFiles, StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql.functions import expr

from defib_coverage.audit.cohort import Cohort
from defib_coverage.audit.engine import Outcome
from defib_coverage.audit.examining import Judged, examine
from defib_coverage.audit.job import lines_of, shared_records, tools
from defib_coverage.audit.keeping import Kept
from defib_coverage.audit.records import Gathering
from defib_coverage.audit.scanning import Scanned, hash_of, paths_of, places_of, scan
from defib_coverage.audit.spark_session import session
from defib_coverage.audit.tasks import digest_of, looked_up
from defib_coverage.audit.work import (
    Folders,
    digests_of,
    meet,
    put,
    rejects_of,
    row_paths,
    rows_of,
)
from defib_coverage.documents.document import InputError
