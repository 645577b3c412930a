// The charts of the report, each drawn from the data that its name says.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bar, dollars, dot, line, linear, logarithmic, standalone, svg, text, ticksTo } from "./svg.js";

const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const charts = { years, genres, pivot, budgets, studios, seasons };

/** Draws one chart, writes it as a file, and gives it to the report. */
export async function draw({ name, folder, data }, context) {
  const chart = charts[name](data);
  context.progress(0.5);
  await mkdir(join(folder, "charts"), { recursive: true });
  await writeFile(join(folder, "charts", `${name}.svg`), standalone(chart));
  return { name, chart };
}

function years({ years: rows, trend, year }) {
  const [width, height, left, bottom, top] = [1080, 340, 58, 30, 34];
  const ticks = ticksTo(Math.max(...rows.map((row) => row.home + row.abroad)));
  const y = linear([0, ticks.at(-1)], [height - bottom, top]);
  const step = (width - left - 10) / rows.length;
  const bars = rows.map((row, index) => {
    const x = left + index * step + step * 0.15;
    const tip = `${row.year}: ${dollars(row.home + row.abroad)} from ${row.films} films\n${dollars(row.home)} in the US, ${dollars(row.abroad)} abroad\nbiggest: ${row.best}`;
    return [
      bar(x, y(row.home), step * 0.7, y(0) - y(row.home), "a", tip),
      bar(x, y(row.home + row.abroad), step * 0.7, y(row.home) - y(row.home + row.abroad) - 1, "b", tip),
      rows.length <= 20 || index % 2 === 0
        ? text(x + step * 0.35, height - bottom + 18, row.year, { anchor: "middle" })
        : "",
    ];
  });
  const legend = [
    bar(left, 6, 11, 11, "a", "US"),
    text(left + 16, 16, "in the US"),
    bar(left + 88, 6, 11, 11, "b", "abroad"),
    text(left + 104, 16, "abroad"),
  ];
  const center = (index) => left + index * step + step / 2;
  const [start, end] = trend.line;
  const trendLine = line(center(0), y(start.gross), center(rows.length - 1), y(end.gross), "line dashed");
  legend.push(line(left + 158, 12, left + 178, 12, "line dashed"), text(left + 184, 16, "trend"));
  return svg(width, height, `Takings of each year in dollars of ${year}`, [
    ticks.map((tick) => rule(tick, y, left, width)),
    bars,
    trendLine,
    legend,
  ]);
}

function rule(tick, y, left, width) {
  return [line(left, y(tick), width - 10, y(tick)), text(left - 8, y(tick) + 4, dollars(tick), { anchor: "end" })];
}

function genres({ genres: rows }) {
  const [width, rowHeight, left] = [510, 29, 146];
  const x = linear([0, rows[0].gross], [left, width - 122]);
  const height = rows.length * rowHeight + 24;
  const body = rows.map((row, index) => {
    const y = 22 + index * rowHeight;
    const tip = `${row.genre}: ${dollars(row.gross)} from ${row.films} films; the middle film brought back $${row.medianReturn.toFixed(2)} for each dollar`;
    return [
      text(left - 10, y + 15, row.genre, { anchor: "end" }),
      bar(left, y, x(row.gross) - left, rowHeight - 9, "a", tip),
      text(x(row.gross) + 7, y + 15, dollars(row.gross), { strong: true }),
      text(width - 14, y + 15, `${row.medianReturn.toFixed(1)}\u00d7`, {
        anchor: "end",
        strong: row.medianReturn >= 2,
      }),
    ];
  });
  return svg(width, height, "Takings and return of each genre", [
    text(width - 14, 12, "median return on budget", { anchor: "end" }),
    body,
  ]);
}

function pivot({ pivot: { years: columns, rows } }) {
  const [width, rowHeight, left] = [510, 37, 132];
  const step = (width - left - 6) / columns.length;
  const most = Math.max(...rows.flatMap((row) => row.cells));
  const body = rows.map((row, index) => [
    text(left - 10, 24 + index * rowHeight + 22, row.genre, { anchor: "end" }),
    row.cells.map((amount, column) =>
      bar(
        left + column * step,
        24 + index * rowHeight,
        step - 2,
        rowHeight - 2,
        "a",
        `${row.genre}, ${columns[column]}: ${dollars(amount)}`,
        {
          opacity: 0.05 + 0.95 * Math.sqrt(amount / most),
          radius: 3,
        },
      ),
    ),
  ]);
  const heads = columns.map((year, column) =>
    columns.length <= 12 || column % 2 === 0
      ? text(left + column * step + step / 2, 14, `\u2019${String(year).slice(2)}`, { anchor: "middle" })
      : "",
  );
  return svg(width, rows.length * rowHeight + 28, "Takings of each genre in each year", [heads, body]);
}

function budgets({ films, year }) {
  const known = films.filter((film) => film.budget >= 1e5 && film.gross >= 1e4);
  const [width, height, left, bottom] = [1080, 480, 62, 44];
  const x = logarithmic([1e5, 4e8], [left, width - 14]);
  const y = logarithmic([1e4, 4e9], [height - bottom, 14]);
  const ticks = [1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
  const grid = ticks.map((tick) => [
    line(left, y(tick), width - 14, y(tick)),
    text(left - 8, y(tick) + 4, dollars(tick), { anchor: "end" }),
    tick >= 1e5 && tick <= 1e8
      ? text(x(tick), height - bottom + 18, dollars(tick), { anchor: tick === 1e5 ? "start" : "middle" })
      : "",
  ]);
  const dots = known.map((film) =>
    dot(
      x(film.budget),
      y(film.gross),
      3.2,
      `${film.title} (${film.year})\nbudget ${dollars(film.budget)}, takings ${dollars(film.gross)}`,
    ),
  );
  return svg(width, height, `Budget and takings of each film in dollars of ${year}`, [
    grid,
    dots,
    line(x(1e5), y(1e5), x(4e8), y(4e8), "line"),
    text(x(1.3e5), y(1.3e5) - 8, "earned its budget", { rotate: -slope(x, y) }),
    nameTags(known, x, y),
    text((left + width) / 2, height - 6, "budget", { anchor: "middle" }),
    text(left + 6, 24, "takings"),
  ]);
}

/** Names of the largest films, each below the one before, so that none hides another. */
function nameTags(films, x, y) {
  const largest = [...films].sort((left, right) => right.gross - left.gross).slice(0, 3);
  let lowest = 0;
  return largest.map((film) => {
    lowest = Math.max(lowest + 16, y(film.gross) + 4);
    return text(x(film.budget) - 9, lowest, film.title, { anchor: "end", strong: true });
  });
}

function slope(x, y) {
  return (Math.atan2(y(1e5) - y(1e8), x(1e8) - x(1e5)) * 180) / Math.PI;
}

function studios({ studios: rows }) {
  const [width, rowHeight, left] = [510, 32, 148];
  const x = linear([0, rows[0].gross], [left, width - 66]);
  const body = rows.map((row, index) => {
    const y = 4 + index * rowHeight;
    return [
      text(left - 10, y + 17, row.studio, { anchor: "end" }),
      bar(
        left,
        y,
        x(row.gross) - left,
        rowHeight - 10,
        "c",
        `${row.studio}: ${dollars(row.gross)} from ${row.films} films\nbiggest: ${row.best}`,
      ),
      text(x(row.gross) + 7, y + 17, dollars(row.gross), { strong: true }),
    ];
  });
  return svg(width, rows.length * rowHeight + 6, "Takings of the largest studios", body);
}

function seasons({ seasons: rows }) {
  const [width, height, left, bottom] = [510, 310, 54, 28];
  const ticks = ticksTo(Math.max(...rows.map((row) => row.median)), 4);
  const y = linear([0, ticks.at(-1)], [height - bottom, 12]);
  const step = (width - left - 10) / 12;
  const bars = rows.map((row) => {
    const x = left + row.month * step + step * 0.15;
    const tip = `${monthNames[row.month]}: the middle of ${row.films} films took ${dollars(row.median)}`;
    return [
      bar(x, y(row.median), step * 0.7, y(0) - y(row.median), "b", tip),
      text(x + step * 0.35, height - bottom + 18, monthNames[row.month], { anchor: "middle" }),
    ];
  });
  return svg(width, height, "Median takings by month of release", [
    ticks.map((tick) => rule(tick, y, left, width)),
    bars,
  ]);
}
