"""A standalone Spark of the tests' own, on loopback, and projects whose profile has it as a target."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines import EngineWorld
from tests.world import ROOT, copy_example

TARGET = """
    spark:
      type: spark
      method: session
      host: NA
      schema: asof
      threads: 2
      server_side_parameters:
        spark.master: "{master}"
        spark.sql.session.timeZone: UTC
        spark.sql.decimalOperations.allowPrecisionLoss: "false"
        spark.sql.shuffle.partitions: "2"
        spark.driver.memory: 1g
        spark.executor.memory: 512m
        spark.executor.cores: "1"
        spark.ui.enabled: "false"
        spark.ui.showConsoleProgress: "false"
        spark.sql.warehouse.dir: "{folder}/tables"
        spark.hadoop.javax.jdo.option.ConnectionURL: "jdbc:derby:;databaseName={folder}/metastore;create=true"
"""
# Added where little is read: the virtual machines of a build live for a minute, too short for what they compile best.
# With so little compiled they reserve 48 MB for code, of which a project of some size needs more.
SHORT_LIVED = """\
        spark.driver.extraJavaOptions: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"
        spark.executor.extraJavaOptions: "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""
# The raw tables are external ones over the files that SparkWorld writes
LOAD = """
{% macro load_raw() %}
    {%- if execute and target.type == 'spark' -%}
        {%- do run_query('create schema if not exists raw') -%}
        {%- for source in graph.sources.values() if source.schema == 'raw' -%}
            {%- set table = 'raw.' ~ source.identifier -%}
            {%- do run_query('drop table if exists ' ~ table) -%}
            {%- do run_query("create table " ~ table ~ " using parquet location '"
                ~ env_var('RAW_FOLDER') ~ '/' ~ table ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
"""


class Cluster:
    """A master and two workers of one core each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.master = ""

    def start(self) -> None:
        """Starts all; the master's port is a free one."""
        self._spawn("master", "org.apache.spark.deploy.master.Master", "--port", "0", "--webui-port", "0")
        self.master = self._wait_for("master", r"Starting Spark master at (spark://\S+)")
        for _ in range(2):
            self.add_worker()

    def add_worker(self) -> None:
        """Starts one more."""
        name = f"worker-{len(self.processes)}"
        options = ["--cores", "1", "--memory", "600m", "--webui-port", "0", "--work-dir", str(self.folder / name)]
        self._spawn(name, "org.apache.spark.deploy.worker.Worker", *options, self.master)
        self._wait_for(name, "(Successfully registered with master)")

    def _spawn(self, name: str, *command: str) -> None:
        found = importlib.util.find_spec("pyspark")
        assert found
        assert found.origin
        program = Path(found.origin).parent / "bin" / "spark-class"
        environment = {**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m"}
        host = ["--host", "127.0.0.1"]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [str(program), command[0], *host, *command[1:]],
                env=environment, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)

    def _wait_for(self, name: str, pattern: str) -> str:
        deadline = time.monotonic() + 300
        while not (found := re.search(pattern, (self.folder / f"{name}.log").read_text())):
            assert self.processes[-1].poll() is None, (self.folder / f"{name}.log").read_text()
            assert time.monotonic() < deadline, (self.folder / f"{name}.log").read_text()
            time.sleep(0.2)
        return found[1]

    def stop(self) -> None:
        """Ends what was started."""
        while self.processes:
            self.kill()

    def kill(self) -> None:
        """Ends what was started last and the executors that it started, by SIGKILL."""
        process = self.processes.pop()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def target(self, folder: Path) -> str:
        """YAML of this cluster as the target of a small project, whose folder has Spark's tables."""
        return TARGET.format(master=self.master, folder=folder) + SHORT_LIVED

    def example(self, folder: Path) -> Path:
        """A copy of the worked example in a new folder, with this cluster as its target `spark`."""
        copy_example(folder, self.target(folder))
        return folder


class SparkWorld(EngineWorld):
    """One whose engine is Spark."""

    engine = "spark"

    def __init__(self, folder: Path, cluster: Cluster, template: Path = ROOT / "tests" / "world") -> None:
        super().__init__(folder, cluster.target(folder), template)
        (folder / "macros" / "load_raw.sql").write_text(LOAD)
        path = folder / "dbt_project.yml"
        text = path.read_text()
        (name,) = re.findall(r"^name: (\w+)", text, re.MULTILINE)
        own = re.search(r"^on-run-start: (.*)\n", text, re.MULTILINE)
        path.write_text(
            (text.replace(own[0], "") if own else text)
            + f"dispatch: [{{macro_namespace: dbt, search_order: [{name}, asof, dbt]}}]\n"
            f"on-run-start: ['{{{{ load_raw() }}}}'{', ' + own[1] if own else ''}]\n"
        )

    def environment(self, now: str | None) -> dict[str, str]:
        return super().environment(now) | {"SPARK_LOCAL_IP": "127.0.0.1", "RAW_FOLDER": f"{self.folder}/raw"}

    def load(self) -> None:
        """Writes each raw table as Parquet, of which Spark makes a table as dbt begins."""
        with self.warehouse() as warehouse:
            found = warehouse.execute("select table_name from duckdb_tables where schema_name = 'raw'").fetchall()
            for (table,) in found:
                folder = self.folder / "raw" / f"raw.{table}"
                folder.mkdir(parents=True, exist_ok=True)
                warehouse.table(f"raw.{table}").write_parquet(str(folder / "rows.parquet"))


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster with its logs in a new folder; it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="asof-spark-"))
    cluster = Cluster(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
