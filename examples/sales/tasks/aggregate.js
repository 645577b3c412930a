// Sums and medians over films, each from its own side.

/** Takings of each year, at home and abroad, and how many films earned them. */
export function byYear({ films }) {
  return [...groupBy(films, (film) => film.year)]
    .sort(([left], [right]) => left - right)
    .map(([year, members]) => {
      const home = sum(members, (film) => film.home);
      const gross = sum(members, (film) => film.gross);
      return { year, home, abroad: gross - home, films: members.length, best: largest(members).title };
    });
}

/** Takings of each genre, and what a dollar of budget brought back in the middle film. */
export function byGenre({ films }) {
  return [...groupBy(films, (film) => film.genre)]
    .filter(([genre]) => genre !== "Unknown")
    .map(([genre, members]) => {
      const returns = members.filter((film) => film.budget !== null).map((film) => film.gross / film.budget);
      return { genre, gross: sum(members, (film) => film.gross), films: members.length, medianReturn: median(returns) };
    })
    .sort((left, right) => right.gross - left.gross);
}

/** The studios that took most. */
export function byStudio({ films, top }) {
  return [...groupBy(films, (film) => film.studio)]
    .filter(([studio]) => studio !== "Unknown")
    .map(([studio, members]) => ({
      studio,
      gross: sum(members, (film) => film.gross),
      films: members.length,
      best: largest(members).title,
    }))
    .sort((left, right) => right.gross - left.gross)
    .slice(0, top);
}

/** Takings of each genre in each year: rows by genre, columns by year. */
export function pivot({ films }) {
  const years = [...new Set(films.map((film) => film.year))].sort((left, right) => left - right);
  const rows = byGenre({ films }).slice(0, 9);
  return {
    years,
    rows: rows.map(({ genre }) => {
      const members = films.filter((film) => film.genre === genre);
      return {
        genre,
        cells: years.map((year) =>
          sum(
            members.filter((film) => film.year === year),
            (film) => film.gross,
          ),
        ),
      };
    }),
  };
}

/** The middle film of each month of release. */
export function bySeason({ films }) {
  return Array.from({ length: 12 }, (_, month) => {
    const members = films.filter((film) => film.month === month);
    return { month, films: members.length, median: median(members.map((film) => film.gross)) };
  });
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function sum(items, amountOf) {
  return items.reduce((total, item) => total + amountOf(item), 0);
}

function median(numbers) {
  if (numbers.length === 0) return 0;
  const sorted = [...numbers].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function largest(films) {
  return films.reduce((best, film) => (film.gross > best.gross ? film : best));
}
