#!/usr/bin/env bash
# Looks at the tarball with the eyes of bundlers (publint) and of TypeScript's resolutions (attw).
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm pack --ignore-scripts --silent --pack-destination "$folder" >/dev/null
tarball=("$folder"/*.tgz)
npx publint "${tarball[0]}" --strict
npx attw "${tarball[0]}" --profile esm-only
