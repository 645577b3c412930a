// Reads the raw file. Nothing is corrected here: `quality.js` judges it, `clean.js` mends it.
import { readFile } from "node:fs/promises";

/** @returns the rows as the file has them, with the columns' names made short */
export async function read({ file }, context) {
  const text = await readFile(file, "utf8");
  const raw = JSON.parse(text);
  if (!Array.isArray(raw)) throw new TypeError(`${file} holds no list of films`);
  context.log(`read ${raw.length} films, ${text.length} characters`);
  return { rows: raw.map(toRow) };
}

function toRow(film) {
  return {
    title: film.Title,
    released: film["Release Date"],
    gross: film["Worldwide Gross"],
    grossAtHome: film["US Gross"],
    budget: film["Production Budget"],
    genre: film["Major Genre"],
    studio: film.Distributor,
    rating: film["IMDB Rating"],
    minutes: film["Running Time min"],
  };
}
