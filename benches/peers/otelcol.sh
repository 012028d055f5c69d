#!/usr/bin/env bash
# The OpenTelemetry Collector with file_storage, driven by our load generator over OTLP/gRPC. Its ack means that the request is in its queue on disk,
# synced (`fsync: true`, which is not its default). From there it goes to a file of protobuf messages, uncompressed: nothing that answers a query.
#   LOADGEN=<path> benches/peers/otelcol.sh SPANS [FLAGS OF THE LOAD GENERATOR...]
# Queryable means: the span is in that file. Built with Go at the first run, which takes some ten minutes.
set -euo pipefail
NAME=otelcol
. "$(dirname "$0")/lib.sh"
service=$(dirname "$0")/../../tests/services/otelcol.sh
export KARAT_SERVICES_RUN=$work
version() { "$home/otelcol" --version | awk '{print $NF}'; }
count() { python3 - "$work/spans" <<'PY'
import sys
def fields(data):
    """Yields number and bytes of the fields of a protobuf message that have a length."""
    at = 0
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128: return value
    while at < len(data):
        tag = varint()
        if tag & 7 == 2:
            length = varint()
            yield tag >> 3, data[at:at + length]
            at += length
        elif tag & 7 == 0: varint()
        else: at += 8 if tag & 7 == 1 else 4
def below(message, number): return (part for of, part in fields(message) if of == number)
n = 0
try:
    with open(sys.argv[1], "rb") as file:
        while len(head := file.read(4)) == 4:
            message = memoryview(file.read(int.from_bytes(head, "big")))
            if len(message) < int.from_bytes(head, "big"): break
            n += sum(1 for resource in below(message, 1) for scope in below(resource, 2) for _ in below(scope, 2))
except FileNotFoundError:
    pass
print(n)
PY
}
grpc=$(port) http=$(port)
eval "$(bash "$service" start "$grpc" "$http" "FILE=$work/spans" | tr ' ' '\n' | sed -n 's/^PID=/pid=/p')"
drive "$1" --endpoint "http://127.0.0.1:$grpc" "${@:2}"
