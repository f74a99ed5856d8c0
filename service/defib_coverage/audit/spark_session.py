"""A Spark session for one run: of a master that is named, or of the cluster that submitted us.

A local session writes nothing outside its folder, opens nothing beyond this machine, says nothing
on the terminal, and leaves no process behind.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.java_gateway import launch_gateway
from pyspark.sql import SparkSession

from defib_coverage.documents.document import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BATCH = 4 << 20
_STOP_SECONDS = 30
# What spark-submit leaves to the program that it starts.
_SUBMITTED = "PYSPARK_GATEWAY_PORT"
# What every session needs: batches by bytes, so that a few long lines are no burden.
_ALWAYS = {
    "spark.sql.execution.arrow.maxRecordsPerBatch": "0",
    "spark.sql.execution.arrow.maxBytesPerBatch": str(_BATCH),
    "spark.sql.adaptive.enabled": "false",
}
# It clears a heap before it lets it grow, so that the memory of a run does not depend on how long
# the run takes; and there is little to collect, as rows only pass through.
_COLLECTOR = "-XX:+UseSerialGC"
_LOG = """status = off
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = {folder}/spark.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{HH:mm:ss}} %p %c{{1}}: %m%n%ex
"""


@contextmanager
def session(master: str | None, folder: Path) -> Iterator[SparkSession]:
    """A session that ends with the run.

    Args:
        master: such as ``local[2]`` or ``spark://host:7077``; None takes what ``spark-submit`` set,
            or else all processors of this machine.
        folder: where a local session writes.

    Raises:
        InputError: there is no Java, or Spark does not start.
    """
    if master is None and _SUBMITTED in os.environ:
        yield _submitted()
        return
    started = _start(master or "local[*]", folder)
    try:
        yield started
    finally:
        _stop(started)


def _submitted() -> SparkSession:
    """The session of the cluster that runs this program; it is not ours to stop."""
    builder = SparkSession.builder.appName("defib-coverage audit")
    for name, value in _ALWAYS.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except PySparkException as error:
        message = "the session of spark-submit cannot be used; its log says why"
        raise InputError(message) from error


def _start(master: str, folder: Path) -> SparkSession:
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else None
    if not (java.is_file() if java else shutil.which("java")):
        message = "Spark needs Java 17, and there is none: install it, or set JAVA_HOME"
        raise InputError(message)
    settings = _ALWAYS | (_local(folder) if master.startswith("local") else {})
    conf = SparkConf().setAppName("defib-coverage audit").setMaster(master)
    conf.setAll(list(settings.items()))
    try:
        # The JVM has a line of its own that no setting silences.
        with (folder / "jvm.log").open("ab") as log:
            gateway = launch_gateway(conf, {"stdout": log, "stderr": log})  # type: ignore[no-untyped-call]
        return SparkSession(SparkContext(conf=conf, gateway=gateway))
    except PySparkException as error:
        message = f"Spark does not start; {folder / 'jvm.log'} says why"
        raise InputError(message) from error


def _local(folder: Path) -> dict[str, str]:
    """What keeps a local session to itself."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    log = folder / "log4j2.properties"
    log.write_text(_LOG.format(folder=folder), encoding="utf-8")
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "768m",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.extraJavaOptions": (
            f"{_COLLECTOR} -Djava.io.tmpdir={folder} -Dlog4j2.configurationFile={log}"
        ),
    }


def _stop(started: SparkSession) -> None:
    """End a session and its JVM, which removes its files on its way out."""
    gateway = started.sparkContext._gateway  # noqa: SLF001 - pyspark leaves the JVM running
    started.stop()
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(_STOP_SECONDS)
    SparkContext._gateway = None  # noqa: SLF001
    SparkContext._jvm = None  # noqa: SLF001
