// Writes the report: one HTML file that needs nothing else, for a light or a dark screen and for paper.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { chartStyle, dollars, escapeText } from "./svg.js";

export async function writeReport(inputs, context) {
  const file = join(inputs.folder, "report.html");
  const best = [...inputs.films].sort((left, right) => right.gross - left.gross)[0];
  const total = inputs.films.reduce((sum, film) => sum + film.gross, 0);
  await mkdir(inputs.folder, { recursive: true });
  await writeFile(file, page(inputs, { best, total }));
  context.log(`wrote ${file}`);
  return {
    file,
    headline: `${inputs.films.length} films took ${dollars(total)} from ${inputs.from} to ${inputs.to}; the largest was ${best.title}`,
  };
}

function page(inputs, { best, total }) {
  const { from, to, films, years, genres } = inputs;
  const chart = Object.fromEntries(inputs.charts.map((entry) => [entry.name, entry.chart]));
  const abroad = years.reduce((sum, year) => sum + year.abroad, 0);
  const bestReturn = [...genres]
    .filter((genre) => genre.films >= 20)
    .sort((left, right) => right.medianReturn - left.medianReturn)[0];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Box office sales, ${from} to ${to}</title>
<style>${pageStyle}${chartStyle}</style>
</head>
<body>
<main>
<header>
<p class="kicker">Box office sales</p>
<h1>What films earned, ${from} to ${to}</h1>
<p class="lead">${films.length.toLocaleString("en")} films, their worldwide takings in dollars of ${to}.</p>
</header>
<section class="cards">
${card(dollars(total), "worldwide takings")}
${card(`${Math.round((abroad / total) * 100)} %`, `earned outside of the US; ${describeTrend(inputs.trend)}`)}
${card(escapeText(best.title), `largest film: ${dollars(best.gross)} (${best.year})`)}
${card(`${bestReturn.medianReturn.toFixed(1)}\u00d7`, `median return of ${bestReturn.genre.toLowerCase()}, the best of the larger genres`)}
</section>
${figure("Takings by year", `Dollars of ${to}; point at a bar for the year\u2019s largest film.${to === 2010 ? " The data ends within 2010." : ""}`, chart.years, "wide")}
<div class="pair">
${figure("Genres", "Takings, and what the middle film brought back for each dollar of its budget.", chart.genres)}
${figure("Genre by year", "The stronger the colour, the more.", chart.pivot)}
</div>
${figure("Budget and takings", "Each dot is a film, on logarithmic scales; below the line it did not earn its budget.", chart.budgets, "wide")}
<div class="pair">
${figure("Studios", "Takings of the largest distributors.", chart.studios)}
${figure("Month of release", "Takings of the middle film.", chart.seasons)}
</div>
${topFilms(inputs)}
${quality(inputs)}
<footer>Data: movies.json of vega-datasets, <code>${escapeText(inputs.source.slice(0, 16))}\u2026</code> (SHA-256). Prices: consumer price index of the US Bureau of Labor Statistics.</footer>
</main>
</body>
</html>
`;
}

/** How the share abroad moved along its fitted line. */
function describeTrend({ abroadShare: [first, last] }) {
  const points = Math.round((last - first) * 100);
  if (points === 0) return "the share did not move";
  return `the share ${points > 0 ? "rose" : "fell"} by ${Math.abs(points)} points`;
}

function card(value, label) {
  return `<div class="card"><b>${value}</b><span>${escapeText(label)}</span></div>`;
}

function figure(title, caption, chart, kind = "") {
  return `<figure class="${kind}"><h2>${title}</h2><p>${caption}</p>${chart}</figure>`;
}

function topFilms({ films, top }) {
  const rows = [...films].sort((left, right) => right.gross - left.gross).slice(0, top);
  const body = rows.map(
    (film, index) =>
      `<tr><td>${index + 1}</td><td><b>${escapeText(film.title)}</b></td><td>${film.year}</td><td>${escapeText(film.studio)}</td><td class="number">${film.budget === null ? "\u2013" : dollars(film.budget)}</td><td class="number">${dollars(film.gross)}</td></tr>`,
  );
  return `<figure><h2>The largest films</h2><table><thead><tr><th></th><th>film</th><th>year</th><th>studio</th><th class="number">budget</th><th class="number">takings</th></tr></thead><tbody>${body.join("")}</tbody></table></figure>`;
}

function quality({ profile, validation, cleaning }) {
  const columns = profile.map(({ column, present, total, distinct }) => {
    const share = Math.round((present / total) * 100);
    return `<tr><td><code>${escapeText(column)}</code></td><td><span class="meter" style="--share:${share}%"></span></td><td class="number">${share} %</td><td class="number">${distinct.toLocaleString("en")}</td></tr>`;
  });
  const findings = validation.findings.map(
    ({ rule, count, example }) =>
      `<tr><td>${escapeText(rule)}</td><td class="number">${count}</td><td class="soft">${example === null ? "" : escapeText(example)}</td></tr>`,
  );
  return `<div class="pair">
<figure><h2>What the data has</h2><p>${validation.total.toLocaleString("en")} rows; ${cleaning.kept.toLocaleString("en")} were used, ${cleaning["other years"]} are of other years, ${cleaning["no takings"]} have no takings.</p>
<table><thead><tr><th>column</th><th>filled</th><th></th><th class="number">different</th></tr></thead><tbody>${columns.join("")}</tbody></table></figure>
<figure><h2>What was wrong with it</h2><p>${cleaning.mendedDates} dates a century late were mended.</p>
<table><thead><tr><th>finding</th><th class="number">rows</th><th>for example</th></tr></thead><tbody>${findings.join("")}</tbody></table></figure>
</div>`;
}

const pageStyle = `
  :root { color-scheme: light dark; --back: #f4f6fb; --card: #ffffff; --text: #1f2430; --muted: #697186; --edge: #e3e6ee; --accent: #2f6fde; }
  @media (prefers-color-scheme: dark) { :root { --back: #0f121a; --card: #171b26; --text: #e8ebf4; --muted: #99a2b8; --edge: #262c3b; --accent: #6ea2ff; } }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
  main { max-width: 1180px; margin: 0 auto; padding: 48px 24px 32px; display: grid; gap: 20px; }
  header { margin-bottom: 4px; }
  h1 { font-size: clamp(28px, 4vw, 42px); line-height: 1.15; letter-spacing: -0.02em; margin: 0; }
  h2 { font-size: 17px; margin: 0; letter-spacing: -0.01em; }
  .kicker { text-transform: uppercase; letter-spacing: 0.12em; font-size: 12px; font-weight: 600; color: var(--accent); margin: 0 0 8px; }
  .lead, figure > p { color: var(--muted); margin: 6px 0 0; }
  figure > p { font-size: 13px; margin: 2px 0 14px; }
  .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 16px; }
  .card, figure { background: var(--card); border: 1px solid var(--edge); border-radius: 14px; padding: 20px 22px; margin: 0; min-width: 0; }
  .card b { display: block; font-size: 28px; line-height: 1.2; letter-spacing: -0.02em; }
  .card span { color: var(--muted); font-size: 13px; }
  .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 20px; }
  .chart { display: block; width: 100%; height: auto; }
  .wide { overflow-x: auto; } .wide .chart { min-width: 620px; }
  table { border-collapse: collapse; width: 100%; font-size: 14px; }
  th { text-align: left; font-weight: 500; color: var(--muted); font-size: 12px; padding: 6px 10px 6px 0; }
  td { border-top: 1px solid var(--edge); padding: 7px 10px 7px 0; }
  .number { text-align: right; font-variant-numeric: tabular-nums; }
  .soft, footer { color: var(--muted); }
  .meter { display: block; height: 8px; min-width: 90px; border-radius: 4px; background: linear-gradient(90deg, var(--accent) var(--share), var(--edge) var(--share)); }
  code { font: 13px ui-monospace, SFMono-Regular, Menlo, monospace; }
  footer { font-size: 13px; padding-top: 4px; }
  @media print { body { background: none; } figure, .card { break-inside: avoid; } }
`;
