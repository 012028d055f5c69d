#!/usr/bin/env bash
# An S3 server to keep tables in. s3.sh install | start [PORT] | stop | kill | clean | status   (path style, us-east-1, plain http)
# S3_SERVER=versitygw  light, Apache-2.0; objects are plain files under DIR/data/BUCKET (default)
#           minio      the common one; AGPL: run in tests, nothing of it is linked or shipped
#           s3s-fs     the one that lies: it lets several writers win one name, and karat must refuse it
# S3_BUCKETS="lake other" are made at start (3 letters or more); S3_KEY, S3_SECRET.
S3_SERVER=${S3_SERVER:-versitygw}
NAME=$S3_SERVER
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
verb=${1:-}; port=${2:-19000}; console=$((port + 1))
dir=$RUN/$NAME-$port
key=${S3_KEY:-karat}; secret=${S3_SECRET:-karatkarat}
case $S3_SERVER in
versitygw) VERSION=v1.8.0; MODULE=github.com/versity/versitygw/cmd/versitygw ;;
minio) VERSION=v0.0.0-20260212201848-7aac2a2c5b7c; MODULE=github.com/minio/minio ;;
s3s-fs) VERSION=0.14.1 ;;
*) die "S3_SERVER is versitygw, minio or s3s-fs" ;;
esac

install() { # some minutes the first time
  case $S3_SERVER in
  s3s-fs) cargo install --quiet --locked --root "$HOME_DIR" --features binary --version "$VERSION" s3s-fs ;;
  *) GOBIN=$HOME_DIR CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -ldflags=-s" go install "$MODULE@$VERSION" ;;
  esac
}
healthy() { # any answer of the S3 port
  [ "$(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 3 "http://127.0.0.1:$port/")" != 000 ]
}
launch() {
  case $S3_SERVER in
  minio) MINIO_ROOT_USER=$key MINIO_ROOT_PASSWORD=$secret MINIO_BROWSER=off MINIO_UPDATE=off spawn "$dir" \
    "$HOME_DIR/minio" server --quiet --address "127.0.0.1:$port" --console-address "127.0.0.1:$console" "$dir/data" ;;
  s3s-fs) spawn "$dir" "$HOME_DIR/bin/s3s-fs" --access-key "$key" --secret-key "$secret" --host 127.0.0.1 --port "$port" "$dir/data" ;;
  # metadata lives in extended attributes; where the disk has none (some tmpfs): --sidecar DIR
  versitygw) spawn "$dir" "$HOME_DIR/versitygw" --quiet --access "$key" --secret "$secret" --port "127.0.0.1:$port" posix "$dir/data" ;;
  esac
}

case $verb in
install) install_once "$VERSION" install ;;
start)
  install_once "$VERSION" install
  mkdir -p "$dir/data"
  for bucket in ${S3_BUCKETS:-}; do mkdir -p "$dir/data/$bucket"; done # a folder is a bucket, for all three
  alive "$dir" >/dev/null || launch
  if [ "$S3_SERVER" = minio ]; then ready "$dir" 30 http "http://127.0.0.1:$port/minio/health/ready"; else ready "$dir" 30 healthy; fi
  echo "PID=$(alive "$dir") PORT=$port AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret AWS_REGION=us-east-1 AWS_ALLOW_HTTP=true DIR=$dir"
  ;;
*) common "$verb" "$dir" ;;
esac
