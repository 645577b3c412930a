#!/usr/bin/env bash
# Runs the tests on several versions of Node.js, which come from the package `node` of the npm registry:
#
#     scripts/compatibility.sh                                all versions, the folders of what runs on one machine
#     scripts/compatibility.sh 20.19.0,24 test/core test/cli  some versions, some tests
#
# Prints a line of docs/compatibility.md for each version; what the tests said is in .out/compatibility/.
set -uo pipefail
cd "$(dirname "$0")/.."

versions=${1:-20.19.0,20,22,24,latest}
selection=("${@:2}")
if [ ${#selection[@]} -eq 0 ]; then
  selection=(test/model test/core test/executor test/runner test/host test/pipeline test/cli test/journal test/monitor
    test/optimize test/examples test/sandbox/process test/types)
fi
out=$PWD/.out/compatibility
mkdir -p "$out"

npm run --silent build || exit 1
status=0
printf '| Node.js | tests | | seconds |\n|---|---|---|---|\n'
for version in ${versions//,/ }; do
  folder=$out/node-$version
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  npm install --prefix "$folder" --no-audit --no-fund --prefer-online "node@$version" >"$out/$version.log" 2>&1 ||
    { echo "node@$version could not be installed, see $out/$version.log" >&2; status=1; continue; }
  export PATH="$folder/node_modules/node/bin:$PATH"
  rm -f "$out/$version.json"
  SECONDS=0
  node node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile.json="$out/$version.json" \
    "${selection[@]}" >>"$out/$version.log" 2>&1
  failed=$?
  totals=$(node scripts/totals.js "$out/$version.json" "$failed") || status=1
  printf '| %s | %s | %s | %s |\n' "$(node --version)" "$totals" "$([ "$failed" -eq 0 ] && echo passed || echo FAILED)" "$SECONDS"
done
exit $status
