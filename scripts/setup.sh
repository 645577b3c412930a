#!/usr/bin/env bash
# Makes a fresh Debian 12 machine with Node 20 ready: Debian packages, npm packages, build. With --test also what only
# the tests need. Does nothing twice: seconds when everything is there.
set -euo pipefail
cd "$(dirname "$0")/.."

groups="run"
for argument in "$@"; do
  case "$argument" in
    --test) groups="run test" ;;
    -h | --help)
      echo "usage: scripts/setup.sh [--test]"
      echo "Installs what scripts/debian-packages.txt lists (with --test: for the tests, too), then npm packages, then builds."
      exit 0
      ;;
    *)
      echo "setup: unknown argument '$argument' (it takes --test)" >&2
      exit 2
      ;;
  esac
done

say() { printf 'setup: %s\n' "$*" >&2; }

if ! command -v node >/dev/null; then
  say "Node.js is missing: install Node 20.19 or later, then run this again"
  exit 1
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  say "Node $(node --version) is too old: 20.19 or later is needed"
  exit 1
fi

missing_packages() {
  local group name _
  while read -r group name _; do
    [[ "$group" == "#"* || -z "$group" ]] && continue
    [[ " $groups " == *" $group "* ]] || continue
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" == installed ]] || echo "$name"
  done <scripts/debian-packages.txt
}

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} > 0)); then
    if ((EUID != 0)); then
      say "these Debian packages are missing, and only root can install them. Run this, then setup again:"
      printf '    sudo apt-get update && sudo apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
      exit 1
    fi
    say "installing from Debian: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
else
  say "not a Debian system: please see to these yourself, or the parts that need them are left out:"
  grep -v '^#' scripts/debian-packages.txt | awk '{ print "    " $2 }' >&2
fi

# npm ci starts from nothing, so it is worth asking first whether what is installed is what the lock file says.
installed_as_locked() {
  node -e '
    const packagesOf = (path) => JSON.parse(require("node:fs").readFileSync(path, "utf8")).packages;
    const installed = packagesOf("node_modules/.package-lock.json");
    const same = ([path, entry]) => path === "" || entry.optional || installed[path]?.version === entry.version;
    process.exit(Object.entries(packagesOf("package-lock.json")).every(same) ? 0 : 1);
  ' 2>/dev/null
}
if ! installed_as_locked; then
  say "installing npm packages"
  # No package needs the script that it would run here, and some would fetch headers to compile what is optional.
  npm ci --loglevel=error --ignore-scripts
fi

say "building"
npm run --silent build
say "ready"
