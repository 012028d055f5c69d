#!/usr/bin/env bash
# Real instrumentations of OpenAI's client, against a model server of our own. No server is kept.
#   sdk.sh install
#   sdk.sh run GRPC_HOST:PORT HTTP_HOST:PORT    runs three apps that export there; prints one JSON line (../sdk/run.py) of what they sent
NAME=sdk
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
. "$here/lib.sh"
OTEL=1.45.2; GENAI=1.3b0; OPENINFERENCE=0.1.66; PYDANTIC_AI=2.68.0

install_sdk() {
  rm -rf venv; venv opentelemetry-sdk==$OTEL opentelemetry-exporter-otlp-proto-grpc==$OTEL opentelemetry-exporter-otlp-proto-http==$OTEL \
    opentelemetry-instrumentation-genai-openai==$GENAI openinference-instrumentation-openai==$OPENINFERENCE "pydantic-ai-slim[openai]==$PYDANTIC_AI"
}
get() { install_once $OTEL+$GENAI+$OPENINFERENCE+$PYDANTIC_AI install_sdk; }

case ${1:-} in
install) get ;;
run) [ $# = 3 ] || die "usage: sdk.sh run GRPC_HOST:PORT HTTP_HOST:PORT"; get; exec "$HOME_DIR/venv/bin/python" "$here/../sdk/run.py" "$2" "$3" ;;
*) die "usage: sdk.sh install | run GRPC_HOST:PORT HTTP_HOST:PORT" ;;
esac
