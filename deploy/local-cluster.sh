#!/usr/bin/env bash
# A cluster on this machine: Redis from Debian and three workers that serve a module of tasks, until Ctrl-C.
#   deploy/local-cluster.sh dist/tasks.js [further flags of `orchestrator worker`]
set -euo pipefail
tasks=${1:?"which module? deploy/local-cluster.sh dist/tasks.js"}
shift
port=${ORCHESTRATOR_PORT:-6379}
folder=$(mktemp -d)
here=$(cd "$(dirname "$0")/.." && pwd)
orchestrator=(npx orchestrator)
[[ -f "$here/dist/cli/main.js" ]] && orchestrator=(node "$here/dist/cli/main.js")

pids=()
stop() {
  trap - EXIT INT TERM
  # Workers first, so that they can hand back what they have.
  for pid in "${pids[@]:1}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]:1}"; do wait "$pid" 2>/dev/null || true; done
  kill -TERM "${pids[0]}" 2>/dev/null || true
  wait "${pids[0]}" 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT INT TERM

redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save "" --appendonly yes --maxmemory-policy noeviction >/dev/null &
pids+=($!)
export ORCHESTRATOR_REDIS=redis://127.0.0.1:$port
for number in 1 2 3; do
  "${orchestrator[@]}" worker --id "local-$number" --tasks "$tasks" "$@" &
  pids+=($!)
done
echo "connect with distributed({ connection: \"$ORCHESTRATOR_REDIS\" }); Ctrl-C ends it all"
wait -n "${pids[@]}" || true
