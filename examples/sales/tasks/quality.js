// Looks at the raw rows: what is missing (`profile`) and what cannot be true (`validate`).
import { parseRelease } from "./dates.js";

/** For each column: how many rows have it, how many different values, and its range where it is numeric. */
export function profile({ rows }) {
  return Object.keys(rows[0]).map((column) => {
    const values = rows
      .map((row) => row[column])
      .filter((value) => value !== null && value !== undefined && value !== "");
    const numbers = values.filter((value) => typeof value === "number");
    const numeric = numbers.length > values.length / 2;
    return {
      column,
      present: values.length,
      total: rows.length,
      distinct: new Set(values).size,
      ...(numeric && { least: min(numbers), most: max(numbers) }),
    };
  });
}

const rules = [
  { name: "release date in the future", test: (row, latest) => parseRelease(row.released).writtenYear > latest + 1 },
  { name: "title is a number", test: (row) => typeof row.title !== "string" },
  { name: "no takings at all", test: (row) => !(row.gross > 0) },
  { name: "earned more at home than in the world", test: (row) => row.grossAtHome > row.gross },
  { name: "budget below 10,000 dollars", test: (row) => row.budget !== null && row.budget < 10_000 },
  { name: "no genre", test: (row) => !row.genre },
  { name: "no distributor", test: (row) => !row.studio },
];

/** Counts the rows that break each rule, with an example, and the rows that can be used. */
export function validate({ rows, latest }) {
  const findings = rules.map(({ name, test }) => {
    const broken = rows.filter((row) => test(row, latest));
    return { rule: name, count: broken.length, example: broken.length === 0 ? null : String(broken[0].title) };
  });
  const usable = rows.filter((row) => row.gross > 0 && parseRelease(row.released) !== null).length;
  return { findings, usable, total: rows.length };
}

function min(numbers) {
  return numbers.reduce((least, number) => Math.min(least, number), Number.POSITIVE_INFINITY);
}

function max(numbers) {
  return numbers.reduce((most, number) => Math.max(most, number), Number.NEGATIVE_INFINITY);
}
