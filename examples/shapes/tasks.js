// Functions of the small pipelines beside this file.
import { readFile } from "node:fs/promises";

/** Rows of a table in CSV without quotes. */
async function readTable(file) {
  const [head, ...lines] = (await readFile(file, "utf8")).trim().split("\n");
  const names = head.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, column) => [names[column], value])));
}

export async function loadPrices({ file }) {
  const rows = await readTable(file);
  return rows.map(({ symbol, date, price }) => ({ symbol, date, price: Number(price) }));
}

export function highestPrices({ rows }) {
  const highest = {};
  for (const { symbol, date, price } of rows) if (!(highest[symbol]?.price >= price)) highest[symbol] = { price, date };
  return highest;
}

/** Last price of each symbol over its first. */
export function growth({ rows }) {
  const first = {};
  const last = {};
  for (const { symbol, price } of rows) {
    first[symbol] ??= price;
    last[symbol] = price;
  }
  return Object.fromEntries(
    Object.keys(first).map((symbol) => [symbol, Number((last[symbol] / first[symbol]).toFixed(2))]),
  );
}

export function summarise({ highest, growth: factors, months }) {
  const [best] = Object.entries(factors).sort(([, left], [, right]) => right - left);
  const [symbol, factor] = best;
  return `in ${months} months ${symbol} grew most, ${factor} times; its highest price was ${highest[symbol].price}`;
}

/** One step of Newton's method for a square root. */
export function improveRoot({ of, previous }) {
  const before = previous?.guess ?? 1;
  const guess = (before + of / before) / 2;
  return { guess, error: Math.abs(guess * guess - of), iteration: (previous?.iteration ?? 0) + 1 };
}

export async function listYears({ file }) {
  const rows = await readTable(file);
  return [...new Set(rows.map(({ date }) => date.slice(0, 4)))];
}

export async function rainOfYear({ file, year }) {
  const rows = await readTable(file);
  const days = rows.filter(({ date }) => date.startsWith(year));
  return { year, millimetres: Math.round(days.reduce((sum, day) => sum + Number(day.precipitation), 0)) };
}

export function wettest({ years }) {
  return years.reduce((most, year) => (year.millimetres > most.millimetres ? year : most)).year;
}

export function convert({ amount, rate }) {
  return Number((amount / rate).toFixed(2));
}

export function killedAtFirst(_inputs, context) {
  if (context.attempt === 1) process.kill(process.pid, "SIGKILL");
  return `alive at attempt ${context.attempt}`;
}
