#!/usr/bin/env bash
# `npm test`: builds, checks and tests everything, even when one of them fails; ends with one line of totals, in which
# a failed build or check counts as one failure.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p .out
rm -f .out/tests.json

failed_steps=()
# The arguments of the script go to the test runner: `npm test -- test/core`.
selection=("$@")
step() {
  printf '\n== %s\n' "$*"
  "$@" || failed_steps+=("$*")
}

step npm run --silent build
step npm run --silent typecheck
step npm run --silent lint
step npm run --silent unused
step scripts/check-package.sh
step npx vitest run --reporter=default --reporter=json --outputFile.json=.out/tests.json "${selection[@]}"

for failed in "${failed_steps[@]}"; do printf 'failed: %s\n' "$failed"; done
node scripts/totals.js .out/tests.json "${#failed_steps[@]}"
