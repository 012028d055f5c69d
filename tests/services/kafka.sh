#!/usr/bin/env bash
# Apache Kafka, one node (KRaft), from Maven Central; needs a JRE 17 and Maven.
#   kafka.sh install | start PORT SASL_PORT CONTROLLER_PORT SSL_PORT | stop | kill | clean | status   (same ports)
# PORT takes everybody (PLAINTEXT), SSL_PORT everybody over TLS (SSL, a CA of its own in DIR/ca.pem), SASL_PORT those that prove who they are over
# TLS (SASL_SSL, SCRAM-SHA-512 and SCRAM-SHA-256).
# Data outlives stop and kill. KAFKA_HEAP=384m.
NAME=kafka
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
VERSION=4.3.0
verb=${1:-}; port=${2:-19092}; sasl=${3:-$((port + 1))}; controller=${4:-$((port + 2))}; ssl=${5:-$((port + 3))}
dir=$RUN/$NAME-$port
user=karat; password=karat-secret
jvm=(java -Xms96m -Xmx"${KAFKA_HEAP:-384m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1)

install() {
  cat >pom.xml <<XML
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>x</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$VERSION</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
XML
  rm -rf libs
  mvn -q -B dependency:copy-dependencies -DoutputDirectory=libs -DincludeScope=runtime
  # A broker loads some 9,000 classes; this archive of them makes every later start five times faster.
  java -XX:ArchiveClassesAtExit=kafka.jsa -cp 'libs/*' kafka.Kafka --version || rm -f kafka.jsa
}

certificates() { # a CA, and the broker's key and certificate in one file, as Kafka wants them
  [ -f server.pem ] && return
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=karat-tests -keyout ca.key -out ca.pem
  openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout server.key -out server.csr
  openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out server.crt -extfile <(echo subjectAltName=IP:127.0.0.1)
  cat server.key server.crt >server.pem
}

settings() {
  cat <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,SSL://127.0.0.1:$ssl,SASL_SSL://127.0.0.1:$sasl,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SSL://127.0.0.1:$ssl,SASL_SSL://127.0.0.1:$sasl
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.ssl.ssl.keystore.type=PEM
listener.name.ssl.ssl.keystore.location=$dir/server.pem
listener.name.sasl_ssl.ssl.keystore.type=PEM
listener.name.sasl_ssl.ssl.keystore.location=$dir/server.pem
log.dirs=$dir/data
num.partitions=3
message.max.bytes=4000000
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
P
}

case $verb in
install) install_once "$VERSION" install ;;
start)
  install_once "$VERSION" install
  mkdir -p "$dir"
  if ! alive "$dir" >/dev/null; then
    (cd "$dir" && certificates) >"$dir/certificates.log" 2>&1 || die "no certificates, see $dir/certificates.log"
    settings >"$dir/server.properties"
    jsa=(); [ -f "$HOME_DIR/kafka.jsa" ] && jsa=(-XX:SharedArchiveFile="$HOME_DIR/kafka.jsa")
    [ -f "$dir/data/meta.properties" ] || "${jvm[@]}" "${jsa[@]}" -cp "$HOME_DIR/libs/*" kafka.tools.StorageTool format \
      -t "$(printf '%022d' "$port")" -c "$dir/server.properties" --add-scram "SCRAM-SHA-512=[name=$user,password=$password]" \
      --add-scram "SCRAM-SHA-256=[name=$user,password=$password]" \
      >"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; die "cannot format"; }
    : >"$dir/log"
    spawn "$dir" "${jvm[@]}" "${jsa[@]}" -cp "$HOME_DIR/libs/*" kafka.Kafka "$dir/server.properties"
  fi
  ready "$dir" 180 grep -q 'Kafka Server started' "$dir/log"
  echo "PID=$(alive "$dir") BOOTSTRAP=127.0.0.1:$port SASL_SSL=127.0.0.1:$sasl SSL=127.0.0.1:$ssl CA=$dir/ca.pem USERNAME=$user PASSWORD=$password DIR=$dir"
  ;;
*) common "$verb" "$dir" ;;
esac
