// Writes docs/reference from the doc comments of the public surface, as built. Run after `npm run build`.
// usage: node scripts/build-reference.mjs [--check]
// With --check nothing is written: it tells which pages are not current and which public names lack what their readers need.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeContext } from "./reference/context.mjs";
import { renderOverview } from "./reference/overview.mjs";
import { pages } from "./reference/pages.mjs";
import { renderPage } from "./reference/render.mjs";
import { shortcomings } from "./reference/shortcomings.mjs";
import { readSurface } from "./reference/surface.mjs";

const { values } = parseArgs({
  options: { check: { type: "boolean" }, declarations: { type: "string" } },
});
const declarations = values.declarations ?? fileURLToPath(new URL("../dist", import.meta.url));
const target = fileURLToPath(new URL("../docs/reference/", import.meta.url));

const present = pages.filter(({ entries }) => entries.every((entry) => existsSync(`${declarations}/${entry}.d.ts`)));
const names = new Map();
for (const page of present) {
  for (const entry of page.entries) {
    for (const item of readSurface(declarations, entry)) names.set(item.name, { ...item, page: page.file });
  }
}

if (values.check) for (const message of shortcomings(names)) tell(message);
if (values.declarations === undefined) {
  const texts = { "README.md": renderOverview(present, names) };
  for (const page of present) {
    const own = new Map([...names].filter(([, item]) => item.page === page.file));
    texts[page.file] = renderPage(page, own, makeContext(names, page.file));
  }
  mkdirSync(target, { recursive: true });
  for (const [file, text] of Object.entries(texts)) {
    if (existsSync(target + file) && readFileSync(target + file, "utf8") === text) continue;
    if (values.check) tell(`docs/reference/${file} is not current: npm run build:reference`);
    else writeFileSync(target + file, text);
  }
}

function tell(message) {
  console.log(message);
  process.exitCode = 1;
}
