// A small kit for charts as SVG. Colours are classes, so that a chart is at home in a light page and in a dark one; drawn
// alone, it carries its own style.
export const chartStyle = `
  .chart { --ink: #1f2430; --soft: #697186; --grid: #e3e6ee; --a: #2f6fde; --b: #f0803c; --c: #17a27b; --page: #ffffff; }
  @media (prefers-color-scheme: dark) {
    .chart { --ink: #e8ebf4; --soft: #99a2b8; --grid: #2c3344; --a: #6ea2ff; --b: #ff9d5c; --c: #3ecfa3; --page: #171b26; }
  }
  .chart text { font: 12.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: var(--soft); }
  .chart .strong { fill: var(--ink); font-weight: 600; }
  .chart .grid { stroke: var(--grid); stroke-width: 1; }
  .chart .axis { stroke: var(--soft); stroke-width: 1; }
  .chart .a { fill: var(--a); } .chart .b { fill: var(--b); } .chart .c { fill: var(--c); }
  .chart .line { fill: none; stroke: var(--c); stroke-width: 2; }
  .chart .dashed { stroke-dasharray: 6 5; stroke: var(--ink); stroke-opacity: 0.7; }
  .chart .dot { fill: var(--a); fill-opacity: 0.38; }
  .chart .mark:hover { fill-opacity: 1; filter: brightness(1.12); }
`;

/** A whole chart. `label` is what a screen reader says. */
export function svg(width, height, label, parts) {
  const body = parts.flat(9).filter(Boolean).join("\n");
  return `<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(label)}">\n${body}\n</svg>`;
}

/** The chart as a file of its own. */
export function standalone(chart) {
  return chart.replace(/>\n/, `>\n<style>${chartStyle} .chart { background: var(--page); }</style>\n`);
}

export function text(x, y, content, { anchor = "start", strong = false, rotate } = {}) {
  const turn = rotate === undefined ? "" : ` transform="rotate(${rotate} ${round(x)} ${round(y)})"`;
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${strong ? ' class="strong"' : ""}${turn}>${escapeText(content)}</text>`;
}

export function line(x1, y1, x2, y2, kind = "grid") {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`;
}

/** A rectangle with a tooltip. */
export function bar(x, y, width, height, kind, tip, { opacity, radius = 2 } = {}) {
  const seen = opacity === undefined ? "" : ` fill-opacity="${round(opacity)}"`;
  return `<rect class="mark ${kind}" x="${round(x)}" y="${round(y)}" width="${round(Math.max(0, width))}" height="${round(Math.max(0, height))}" rx="${radius}"${seen}><title>${escapeText(tip)}</title></rect>`;
}

export function dot(x, y, radius, tip) {
  return `<circle class="mark dot" cx="${round(x)}" cy="${round(y)}" r="${radius}"><title>${escapeText(tip)}</title></circle>`;
}

/** From a domain to a range, evenly. */
export function linear([from, to], [start, end]) {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start);
}

/** From a domain to a range, by the logarithm. */
export function logarithmic([from, to], [start, end]) {
  const scale = linear([Math.log10(from), Math.log10(to)], [start, end]);
  return (value) => scale(Math.log10(value));
}

/** Round numbers from 0 up to at least `most`, about `count` of them. */
export function ticksTo(most, count = 5) {
  const rough = most / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}

/** `$1.2bn`, `$340m`, `$15k` */
export function dollars(amount) {
  if (amount >= 1e9) return `$${trim(amount / 1e9)}bn`;
  if (amount >= 1e6) return `$${trim(amount / 1e6)}m`;
  return amount >= 1e3 ? `$${trim(amount / 1e3)}k` : `$${Math.round(amount)}`;
}

function trim(value) {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, "");
}

export function escapeText(content) {
  return String(content).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function round(value) {
  return Number(value.toFixed(2));
}
