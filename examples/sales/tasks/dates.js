// Dates such as "Jun 12 1998". The file's years once had two digits: 2046 was written for 1946.
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const lastTrueYear = 2011;

/** `null` where the text is no date; `month` counts from 0. */
export function parseRelease(text) {
  const match = /^([A-Z][a-z]{2}) (\d{1,2}) (\d{4})$/.exec(String(text));
  if (match === null) return null;
  const writtenYear = Number(match[3]);
  return {
    year: writtenYear > lastTrueYear ? writtenYear - 100 : writtenYear,
    writtenYear,
    month: months.indexOf(match[1]),
  };
}
