#!/usr/bin/env bash
# Foreign readers and writers of Delta tables. No server is kept.
#   lake.sh install [duckdb|spark]
#   lake.sh duckdb ARGS...    python with duckdb (delta, httpfs), deltalake, polars, pyarrow; e.g. lake.sh duckdb lake_read.py duckdb URI
#   lake.sh spark ARGS...     python with pyspark and Delta's jars;                        e.g. lake.sh spark lake_read.py spark PATH
# S3 tables: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY from `s3.sh start` (duckdb, polars, deltalake; not spark: it needs hadoop-aws).
NAME=lake
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
DUCKDB=1.5.5      # the extension packages are built for exactly this version; duckdb 2.0.0 has none yet
SPARK=4.1.4; DELTA=4.3.0

install_duckdb() { # the extensions are wheels: INSTALL would download, LOAD '<path>' does not
  rm -rf venv; venv duckdb==$DUCKDB duckdb-extension-delta==$DUCKDB duckdb-extension-httpfs==$DUCKDB deltalake==1.6.6 polars==2.1.0 pyarrow==26.0.1
}
install_spark() { # Java 17 is enough
  rm -rf venv jars; venv pyspark==$SPARK
  cat >pom.xml <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>x</groupId><artifactId>delta</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>io.delta</groupId><artifactId>delta-spark_${SPARK%.*}_2.13</artifactId><version>$DELTA</version></dependency>
</dependencies></project>
XML
  # only what pyspark does not bring itself: a second Jackson or Parquet beside its own breaks it
  mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars -DincludeScope=runtime -DincludeGroupIds=io.delta,io.unitycatalog,org.locationtech.jts
}
get() { HOME_DIR=$SVC/$1; mkdir -p "$HOME_DIR"; install_once "$2" "install_$1"; }

case ${1:-} in
install) case ${2:-all} in duckdb) get duckdb $DUCKDB ;; spark) get spark $SPARK+$DELTA ;; all) get duckdb $DUCKDB; get spark $SPARK+$DELTA ;; esac ;;
duckdb) get duckdb $DUCKDB; cd "$here"; exec "$HOME_DIR/venv/bin/python" "${@:2}" ;;
spark) get spark $SPARK+$DELTA; cd "$here"; DELTA_JARS=$(printf '%s,' "$HOME_DIR"/jars/*.jar) exec "$HOME_DIR/venv/bin/python" "${@:2}" ;;
*) die "usage: lake.sh install [duckdb|spark] | duckdb ARGS... | spark ARGS..." ;;
esac
