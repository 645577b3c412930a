// Adds to package-lock.json the binaries for other platforms that npm has left out.
//
// npm leaves an optional dependency out of the lock file where its registry does not have it, which a mirror may not for
// platforms that nobody there uses; and then `npm ci` refuses the file as incomplete, there and everywhere. What an entry
// needs is told by the package that asks for it (an exact version) and by the name (its platform).
// usage: node scripts/complete-lock-file.mjs [--check] <package-lock.json>...
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({ options: { check: { type: "boolean" } }, allowPositionals: true });

const systems = ["aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "openharmony", "sunos", "win32"];
const processors = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];
const libraries = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };

for (const path of positionals) {
  const lock = JSON.parse(readFileSync(path, "utf8"));
  const missing = missingFrom(lock.packages);
  for (const [place, entry] of missing) lock.packages[place] = entry;
  if (missing.length === 0) continue;
  console.log(`${path}: ${missing.length} missing: ${missing.map(([place]) => place).join(", ")}`);
  if (values.check) process.exitCode = 1;
  else {
    lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
  }
}

function missingFrom(packages) {
  const missing = new Map();
  for (const [place, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isInstalledFor(place, name, packages)) continue;
      const { cpu, libc, os } = platformOf(name);
      // In the order in which npm writes them.
      missing.set(`node_modules/${name}`, {
        version,
        ...(cpu.length > 0 && { cpu }),
        ...(dev && { dev }),
        ...(libc.length > 0 && { libc }),
        license: packages[place].license,
        optional: true,
        ...(os.length > 0 && { os }),
      });
    }
  }
  return [...missing];
}

/** Whether the package at `place` would find `name`: in its own node_modules, or in one above. */
function isInstalledFor(place, name, packages) {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const candidate = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[candidate] !== undefined) return true;
    if (folder === "") return false;
  }
}

function platformOf(name) {
  const words = name.split("/").at(-1).split("-");
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  const libc = words.flatMap((word) => libraries[word] ?? []);
  if (os.length === 0 && cpu.length === 0) throw new Error(`${name}: no platform in its name; see to it by hand`);
  return { cpu, libc, os };
}
