// Writes the table of figures of README.md, between its marks, from bench/results/*.json. `npm run bench` does it at its end.
// usage: node scripts/build-figures.mjs [--check]
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { check: { type: "boolean" } } });
process.chdir(new URL("..", import.meta.url).pathname);

/** What of each suite a reader of the README wants to know; the rest is in bench/RESULTS.md. */
const chosen = {
  graphs: /^layered 1,000,000/,
  pool: /^no-op, beside|^1 MiB/,
  schedule: /./,
  batching: /./,
  balance: /./,
  cache: /./,
  journal: /./,
  monitor: /./,
  dashboard: /./,
  distributed: /./,
  sandbox: /beside|p50/,
  humaneval: /that pass|total time/,
  vm: /./,
  docker: /./,
  start: /./,
};

const begin = "<!-- figures: made by scripts/build-figures.mjs from bench/results; do not edit -->";
const end = "<!-- /figures -->";

const suites = readdirSync("bench/results")
  .filter((file) => file.endsWith(".json"))
  .map((file) => JSON.parse(readFileSync(`bench/results/${file}`, "utf8")))
  .sort((a, b) => a.order - b.order || (a.title < b.title ? -1 : 1));
const rows = suites.flatMap(({ suite, title, goals }) =>
  goals
    .filter(({ what }) => chosen[suite]?.test(what))
    .map(({ what, goal, measured, met }, index) => {
      const place = index === 0 ? `[${title}](bench/RESULTS.md#${anchor(title)})` : "";
      return `| ${place} | ${what} | ${measured} | ${goal}${met ? "" : ": **missed**"} |`;
    }),
);
const table = ["| | what | measured | goal |", "|---|---|---|---|", ...rows].join("\n");

const readme = readFileSync("README.md", "utf8");
const [before, rest] = readme.split(begin);
const after = rest?.split(end)[1];
if (after === undefined) throw new Error(`README.md lacks the marks ${begin} and ${end}`);
const text = `${before}${begin}\n\n${table}\n\n${end}${after}`;
if (text !== readme && values.check) {
  console.log("the figures of README.md are not those of bench/results: node scripts/build-figures.mjs");
  process.exitCode = 1;
} else if (text !== readme) writeFileSync("README.md", text);

function anchor(title) {
  return title
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}
