// Writes docs/licences.md and sbom.cdx.json (CycloneDX): what users install, under which licences.
// usage: node scripts/build-licences.mjs [--check]
// With --check nothing is written: it tells what is not current, and which licence nobody has agreed to.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { check: { type: "boolean" } } });
process.chdir(new URL("..", import.meta.url).pathname);

/** Licences that ask for no more than their notice (and MPL: that changed files stay open); developers' tools may have the last three. */
const agreed = [
  "MIT",
  "MIT-0",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "0BSD",
  "Unlicense",
  "CC0-1.0",
];
const agreedForTools = ["MPL-2.0", "Python-2.0"];
/** Said in the older form of package.json, which a lock file does not take over. */
const saidOtherwise = { ssh2: "MIT", buildcheck: "MIT", "cpu-features": "MIT" };

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
const named = Object.entries(packages)
  .filter(([path]) => path !== "")
  .map(([path, entry]) => ({ name: path.slice(path.lastIndexOf("node_modules/") + 13), path, ...entry }))
  .map((entry) => ({ ...entry, license: entry.license ?? saidOtherwise[entry.name] }));
const installed = named.filter(({ dev, devOptional }) => !dev && !devOptional);
const peers = withDependencies(Object.keys(manifest.peerDependencies)).filter((entry) => !installed.includes(entry));
const tools = named.filter((entry) => !installed.includes(entry) && !peers.includes(entry));
const bundled = readFileSync("dist/dashboard/page/NOTICES.txt", "utf8").matchAll(/^(\S+) (\d\S*) \((\S+)\)$/gm);

for (const { name, license } of [...installed, ...peers])
  if (!isAgreed(license, agreed)) tell(`${name} has the licence ${license}`);
for (const { name, license } of tools)
  if (!isAgreed(license, [...agreed, ...agreedForTools]))
    tell(`${name}, a tool of developers, has the licence ${license}`);

update("docs/licences.md", page());
update("sbom.cdx.json", `${JSON.stringify(billOfMaterials(), null, 2)}\n`);

function page() {
  const table = (entries) => ["| package | version | licence |", "|---|---|---|", ...entries.map(row)].join("\n");
  const row = ({ name, version, license }) => `| \`${name}\` | ${version} | ${license} |`;
  const page = [...bundled].map(([, name, version, license]) => ({ name, version, license }));
  return `# Licences

<!-- Made from package-lock.json by scripts/build-licences.mjs; do not edit. -->

\`${manifest.name}\` itself: ${manifest.license}, see [LICENSE](../LICENSE). Why each of the others is here: [dependencies](dependencies.md).
For tools there is a bill of materials, [sbom.cdx.json](../sbom.cdx.json) (CycloneDX), which is in the npm package too.

## What users install

${table(installed)}

## What is bundled into the live page

Their texts are in \`dist/dashboard/page/NOTICES.txt\` of the package.

${table(page)}

## What is installed beside it by choice

\`${Object.keys(manifest.peerDependencies).join("`, `")}\`, with what they depend on:

${table(peers)}

## Tools of developers

Not installed by users. ${tools.length} packages: ${countByLicence(tools)}.
`;
}

function countByLicence(entries) {
  const counts = new Map();
  for (const { license } of entries) counts.set(license, (counts.get(license) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([license, count]) => `${count} ${license}`)
    .join(", ");
}

function withDependencies(names) {
  const found = new Set(named.filter(({ path }) => names.some((name) => path === `node_modules/${name}`)));
  for (const { dependencies = {} } of found)
    for (const name of Object.keys(dependencies)) for (const entry of named) if (entry.name === name) found.add(entry);
  return [...found].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** \`(MIT OR GPL-3.0)\` is agreed to where any is, \`MIT AND ISC\` where all are. */
function isAgreed(license, allowed) {
  const every = (text) => text.split(" AND ").every((part) => allowed.includes(part.trim()));
  return (license ?? "").replace(/[()]/g, "").split(" OR ").some(every);
}

/** CycloneDX of the lock file. (`npm sbom` leaves out whatever developers' tools use as well.) */
function billOfMaterials() {
  const purl = (name, version) => `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const licences = (license) => [/ (OR|AND) /.test(license) ? { expression: license } : { license: { id: license } }];
  const component = ({ name, version, license, integrity }) => ({
    type: "library",
    "bom-ref": purl(name, version),
    name,
    version,
    purl: purl(name, version),
    licenses: licences(license),
    hashes: integrity.split(" ").map((text) => {
      const [algorithm, digest] = text.split(/-(.*)/s);
      return { alg: algorithm.replace("sha", "SHA-"), content: Buffer.from(digest, "base64").toString("hex") };
    }),
  });
  const references = new Map(installed.map(({ name, version }) => [name, purl(name, version)]));
  const dependency = (ref, dependencies = {}) => ({
    ref,
    dependsOn: Object.keys(dependencies).map((name) => references.get(name)),
  });
  const { name, version, license, description, dependencies } = manifest;
  const self = {
    type: "library",
    "bom-ref": purl(name, version),
    name,
    version,
    description,
    purl: purl(name, version),
    licenses: licences(license),
  };
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: self },
    components: installed.map(component),
    dependencies: [
      dependency(self.purl, dependencies),
      ...installed.map((entry) => dependency(references.get(entry.name), entry.dependencies)),
    ],
  };
}

function update(file, text) {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  if (values.check) tell(`${file} is not current: npm run build:licences`);
  else writeFileSync(file, text);
}

function tell(message) {
  console.log(message);
  process.exitCode = 1;
}
