"""Reads one Delta table with a reader that is not ours: rows, and each column's type.

    lake.sh duckdb lake_read.py duckdb|polars|deltalake URI
    lake.sh duckdb lake_read.py sql "SELECT ... FROM delta_scan('URI')"      one JSON object a row
    lake.sh spark  lake_read.py spark PATH
"""
import os
import sys
import time


def s3_options():
    e = os.environ.get("AWS_ENDPOINT_URL")
    return {"AWS_ENDPOINT_URL": e, "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"], "AWS_REGION": "us-east-1",
            "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"], "AWS_ALLOW_HTTP": "true"} if e else None


def connect_duckdb():
    import duckdb
    import importlib.util
    c = duckdb.connect()
    for name in "httpfs", "delta":  # httpfs first: delta's S3 secrets come from it
        folder = importlib.util.find_spec(f"duckdb_extension_{name}").submodule_search_locations[0]
        c.execute(f"LOAD '{folder}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    if o := s3_options():
        scheme, _, host = o["AWS_ENDPOINT_URL"].partition("://")
        c.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{o['AWS_ACCESS_KEY_ID']}', SECRET '{o['AWS_SECRET_ACCESS_KEY']}', REGION 'us-east-1',"
                  f" ENDPOINT '{host}', URL_STYLE 'path', USE_SSL {scheme == 'https'})")
    return c


def session_spark():
    from pyspark.sql import SparkSession
    b = SparkSession.builder.master("local[2]")
    for k, v in {
        "spark.jars": os.environ["DELTA_JARS"].rstrip(","),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": 1,  # 50 tasks for a handful of log entries otherwise
        "spark.sql.shuffle.partitions": 2, "spark.driver.memory": "1g", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.sql.session.timeZone": "UTC",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }.items():
        b = b.config(k, v)
    s = b.getOrCreate()
    s.sparkContext.setLogLevel("ERROR")
    return s


def print_rows(query):
    """The rows of a DuckDB query, one JSON object a line."""
    import json
    answer = connect_duckdb().execute(query)
    names = [column[0] for column in answer.description]
    for row in answer.fetchall():
        print(json.dumps(dict(zip(names, row)), default=str))


def main(reader, uri):
    t = time.time()
    if reader == "sql":
        return print_rows(uri)
    if reader == "duckdb":
        c = connect_duckdb()
        rows = c.execute(f"SELECT count(*) FROM delta_scan('{uri}')").fetchone()[0]
        types = {n: t for n, t, *_ in c.execute(f"DESCRIBE SELECT * FROM delta_scan('{uri}')").fetchall()}
    elif reader == "polars":
        import polars as pl
        f = pl.scan_delta(uri, storage_options=s3_options())
        rows, types = f.select(pl.len()).collect().item(), {k: str(v) for k, v in f.collect_schema().items()}
    elif reader == "deltalake":
        from deltalake import DeltaTable
        d = DeltaTable(uri, storage_options=s3_options())
        rows, types = d.to_pyarrow_dataset().count_rows(), {f.name: str(f.type) for f in d.schema().fields}
    else:
        f = session_spark().read.format("delta").load(uri)
        rows, types = f.count(), dict(f.dtypes)
    print(f"READER={reader} ROWS={rows} SECONDS={time.time() - t:.2f}")
    for name, kind in types.items():
        print(f"  {name}: {kind}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
