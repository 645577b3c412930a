// Mends what can be mended, drops what cannot, and counts both.
import { parseRelease } from "./dates.js";

/** @returns films of the years asked for, with true dates, and how many rows were dropped for what */
export function clean({ rows, from, to }) {
  const dropped = { "no takings": 0, "other years": 0 };
  let mendedDates = 0;
  const films = [];
  for (const row of rows) {
    const { year, writtenYear, month } = parseRelease(row.released);
    if (year !== writtenYear) mendedDates++;
    if (!(row.gross > 0)) dropped["no takings"]++;
    else if (year < from || year > to) dropped["other years"]++;
    else films.push(toFilm(row, year, month));
  }
  return { films, dropped: { ...dropped, mendedDates, kept: films.length } };
}

function toFilm(row, year, month) {
  return {
    title: String(row.title),
    year,
    month,
    gross: row.gross,
    home: Math.min(row.grossAtHome ?? 0, row.gross),
    budget: row.budget >= 10_000 ? row.budget : null,
    genre: row.genre ?? "Unknown",
    studio: row.studio ?? "Unknown",
    rating: row.rating,
  };
}

/** Puts every sum into the dollars of one year. */
export function adjust({ films, index, year }) {
  return films.map((film) => {
    const factor = index[year] / index[film.year];
    const scale = (amount) => (amount === null ? null : Math.round(amount * factor));
    return { ...film, gross: scale(film.gross), home: scale(film.home), budget: scale(film.budget) };
  });
}
