#!/bin/bash
# Longshore as one of the shippers a side-by-side harness runs; see Benchmarks/README.md for the environment it is given.
set -euo pipefail
repository=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)

cat >"$RUN/longshore.yaml" <<YAML
node: {name: node-17.dc1.example.com}
state_directory: "$STATE"
kafka:
  brokers: ["$BROKER"]
  topic: "$TOPIC"
  audit_topic: none
  compression: lz4
  linger: ${LINGER:-100}ms
files:
  - {name: bench, paths: ["$LOGDIR/*.log"]}
admin: {enabled: true, socket: "$RUN/admin.sock", mode: "0600"}
metrics: {enabled: false}
YAML
exec "${LONGSHORE_BINARY:-$repository/.build/release/longshore}" run --config "$RUN/longshore.yaml"
