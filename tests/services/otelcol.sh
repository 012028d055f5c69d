#!/usr/bin/env bash
# The OpenTelemetry Collector with the parts that stand in front of karat: receiver otlp, exporters otlp, kafka and file, file storage.
#   otelcol.sh install | start GRPC_PORT HTTP_PORT KAFKA=HOST:PORT|FORWARD=HOST:PORT|FILE=PATH | stop | kill | clean | status   (same ports)
# KAFKA exports to Kafka (topics otlp_spans, otlp_logs, otlp_metrics; encoding otlp_proto), FORWARD to OTLP over gRPC,
# with a queue on disk; FILE forwards to itself, and from there to a file of protobuf messages. Built from source with Go, which takes some ten
# minutes the first time.
NAME=otelcol
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
VERSION=0.155.0; CONFMAP=1.61.0
verb=${1:-}; grpc=${2:-14317}; http=${3:-$((grpc + 1))}
dir=$RUN/$NAME-$grpc; target=${4:-}
# What is built in, by which a build of fewer parts is told.
PARTS=file
CORE=go.opentelemetry.io/collector; CONTRIB=github.com/open-telemetry/opentelemetry-collector-contrib

install() {
  # Not with the `ocb` builder: its `go mod tidy` wants the test dependencies of every module.
  rm -rf src; mkdir src; cd src
  go mod init otelcol
  for module in otelcol exporter/{otlp,debug}exporter processor/batchprocessor receiver/otlpreceiver; do
    go mod edit -require="$CORE/$module@v$VERSION"; done
  for module in confmap/provider/{env,file}provider; do go mod edit -require="$CORE/$module@v$CONFMAP"; done
  for module in exporter/{kafka,file}exporter extension/storage/filestorage; do go mod edit -require="$CONTRIB/$module@v$VERSION"; done
  cat >main.go <<GO
package main

import (
	"log"

	"$CONTRIB/exporter/fileexporter"
	"$CONTRIB/exporter/kafkaexporter"
	"$CONTRIB/extension/storage/filestorage"
	"$CORE/component"
	"$CORE/confmap"
	"$CORE/confmap/provider/envprovider"
	"$CORE/confmap/provider/fileprovider"
	"$CORE/exporter"
	"$CORE/exporter/debugexporter"
	"$CORE/exporter/otlpexporter"
	"$CORE/extension"
	"$CORE/otelcol"
	"$CORE/processor"
	"$CORE/processor/batchprocessor"
	"$CORE/receiver"
	"$CORE/receiver/otlpreceiver"
	"$CORE/service/telemetry/otelconftelemetry"
)

func factories() (f otelcol.Factories, err error) {
	f.Telemetry = otelconftelemetry.NewFactory()
	if f.Extensions, err = otelcol.MakeFactoryMap[extension.Factory](filestorage.NewFactory()); err != nil {
		return
	}
	if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
		return
	}
	if f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](batchprocessor.NewFactory()); err != nil {
		return
	}
	f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](
		otlpexporter.NewFactory(), debugexporter.NewFactory(), kafkaexporter.NewFactory(), fileexporter.NewFactory())
	return
}

func main() {
	providers := []confmap.ProviderFactory{envprovider.NewFactory(), fileprovider.NewFactory()}
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo:              component.BuildInfo{Command: "otelcol", Version: "$VERSION"},
		Factories:              factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{ProviderFactories: providers}},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}
GO
  CGO_ENABLED=0 go build -mod=mod -buildvcs=false -trimpath -ldflags="-s -w" -o ../otelcol .
}

# Only an exporter with a queue can ack from disk, and the one to a file has none: the one with the queue sends to a second receiver here.
config_of_file() {
  local inner; inner=$(free_port)
  cat <<Y
extensions: {file_storage: {directory: $dir/queue, create_directory: true, fsync: true}}
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:$grpc", max_recv_msg_size_mib: 64}, http: {endpoint: "127.0.0.1:$http"}}}
  otlp/inner: {protocols: {grpc: {endpoint: "127.0.0.1:$inner", max_recv_msg_size_mib: 64}}}
exporters:
  otlp:
    endpoint: "127.0.0.1:$inner"
    tls: {insecure: true}
    compression: none
    sending_queue: {storage: file_storage, block_on_overflow: true}
    retry_on_failure: {max_elapsed_time: 0}
  file: {path: "${target#*=}", format: proto}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp]}
    traces/inner: {receivers: [otlp/inner], exporters: [file]}
Y
}

config() {
  [ "${target%%=*}" != FILE ] || { config_of_file; return; }
  local exporter=kafka retry="retry_on_failure: {initial_interval: 200ms, max_interval: 1s, max_elapsed_time: 0}"
  local settings="brokers: [\"${target#*=}\"], producer: {required_acks: -1}, sending_queue: {storage: file_storage}"
  if [ "${target%%=*}" = FORWARD ]; then
    exporter=otlp
    settings="endpoint: \"${target#*=}\", tls: {insecure: true}, sending_queue: {storage: file_storage, block_on_overflow: true}"
  fi
  cat <<Y
extensions: {file_storage: {directory: $dir/queue, create_directory: true, fsync: true}}
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:$grpc"}, http: {endpoint: "127.0.0.1:$http"}}}}
processors: {batch: {timeout: 100ms}}
exporters: {$exporter: {$settings, $retry}}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [$exporter]}
    logs: {receivers: [otlp], processors: [batch], exporters: [$exporter]}
    metrics: {receivers: [otlp], processors: [batch], exporters: [$exporter]}
Y
}

case $verb in
install) install_once "$VERSION+$PARTS" install ;;
start)
  install_once "$VERSION+$PARTS" install
  mkdir -p "$dir"
  if ! alive "$dir" >/dev/null; then
    : >"$dir/log"
    config >"$dir/config.yaml"
    GOMAXPROCS=2 spawn "$dir" "$HOME_DIR/otelcol" --config "file:$dir/config.yaml"
  fi
  ready "$dir" 30 grep -q 'Everything is ready' "$dir/log"
  echo "PID=$(alive "$dir") GRPC=127.0.0.1:$grpc HTTP=127.0.0.1:$http DIR=$dir"
  ;;
*) common "$verb" "$dir" ;;
esac
