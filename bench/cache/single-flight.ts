/** Many callers of one key in this process: how often it is computed is in the file that each computation adds a line to. */
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TaskCache } from "#src/optimize/cache/task-cache.js";
import { cacheKeyOf } from "#src/optimize/fingerprint/fingerprint.js";

const [directory, file, callers] = process.argv.slice(2) as [string, string, string];
const cache = new TaskCache({ directory });
const compute = async (): Promise<string> => {
  appendFileSync(file, `${process.pid}\n`);
  // Long enough for the other process to have started.
  await delay(1000);
  return "computed";
};
const key = cacheKeyOf("one");
const given = await Promise.all(Array.from({ length: Number(callers) }, () => cache.getOrCompute(key, compute)));
await cache.close();
console.log(JSON.stringify({ right: given.filter((value) => value === "computed").length }));
