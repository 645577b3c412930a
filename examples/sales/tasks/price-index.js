// Consumer prices of the United States, all urban consumers, yearly means, 1982 to 1984 = 100 (Bureau of Labor Statistics,
// public domain). It stands for a service that is down when first asked: the first call of each run fails, truly.
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

const firstYear = 1980;
const means = [
  82.4, 90.9, 96.5, 99.6, 103.9, 107.6, 109.6, 113.6, 118.3, 124.0, 130.7, 136.2, 140.3, 144.5, 148.2, 152.4, 156.9,
  160.5, 163.0, 166.6, 172.2, 177.1, 179.9, 184.0, 188.9, 195.3, 201.6, 207.342, 215.303, 214.537, 218.056,
];

export async function fetchPriceIndex({ marker }) {
  if (!existsSync(marker)) {
    await mkdir(dirname(marker), { recursive: true });
    await writeFile(marker, "");
    throw new Error("503 service unavailable");
  }
  await rm(marker);
  return Object.fromEntries(means.map((mean, offset) => [firstYear + offset, mean]));
}
