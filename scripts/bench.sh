#!/usr/bin/env bash
# Runs the benchmarks: `npm run bench`, or some of them: `npm run bench -- graphs pool`.
# The peers that they compare with are installed into bench/ the first time.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -d bench/node_modules ] || [ bench/package-lock.json -nt bench/node_modules ]; then
  npm ci --ignore-scripts --prefix bench
  # keyv's SQLite comes as source, and is compiled with the headers beside this Node.js: nothing is downloaded.
  headers=$(node -p 'require("path").resolve(process.execPath, "../..")')
  (cd bench/node_modules/sqlite3 && ../.bin/node-gyp rebuild --nodedir "$headers" --loglevel error) ||
    echo "bench: sqlite3 could not be compiled (it needs a C++ compiler, make and python3); the suite cache will fail" >&2
  touch bench/node_modules
fi
# Figures are worth having while something elsewhere does not type-check; the compiler emits all the same.
for project in tsconfig.build.json bench/tsconfig.json; do
  npx tsc -p "$project" || echo "bench: type errors in $project, see above; measuring what was emitted" >&2
done
node scripts/copy-assets.mjs
node scripts/build-page.mjs
node bench/.out/main.js "$@"
# The table of the README is made of the results.
node scripts/build-figures.mjs
