/** One measurement in a process of its own: `fill` writes all entries, `hits` reads some of them, each once, in an order of its own. */
import { cpuUsage } from "node:process";
import { cacheKeyOf } from "#src/optimize/fingerprint/fingerprint.js";
import { seededRandom } from "../lib/statistics.js";

/** What is measured: a cache in a folder, without memory of its own in front. */
export interface Contender {
  fill(entries: readonly (readonly [key: string, value: unknown])[]): Promise<void>;
  get(key: string): Promise<unknown>;
  /** The value in what `get` gives; throws where there is none. */
  valueOf(got: unknown): unknown;
  close(): Promise<void>;
}

export type OpenContender = (folder: string) => Contender;

export interface Measurement {
  /** Microseconds a hit. */
  readonly wall: number;
  readonly cpu: number;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [phase, name, folder, count, atOnce, reads] = process.argv.slice(2) as string[] as [string, ...string[]];
  const { open } = (await import(`./contenders/${name!}.js`)) as { open: OpenContender };
  const contender = open(folder!);
  const entries = entriesOf(Number(count));
  if (phase === "fill") await contender.fill(entries);
  const found =
    phase === "fill" ? {} : await measureHits(contender, shuffled(entries).slice(0, Number(reads)), Number(atOnce));
  await contender.close();
  console.log(JSON.stringify(found));
}

/** What a task that reads some rows and sums them might give: about 100 bytes. */
function entriesOf(count: number): [string, { id: number }][] {
  return Array.from({ length: count }, (_, id) => [
    cacheKeyOf(["rows", { id }]),
    { id, name: `rows ${id}`, sums: [id, id / 3, id * 7], region: "north", complete: true },
  ]);
}

function shuffled<T>(items: readonly T[]): T[] {
  const random = seededRandom(7);
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

async function measureHits(
  contender: Contender,
  entries: readonly (readonly [string, { id: number }])[],
  atOnce: number,
): Promise<Measurement> {
  const check = (got: unknown, id: number): void => {
    if ((contender.valueOf(got) as { id: number }).id !== id) throw new Error(`${id} gave a wrong value`);
  };
  // Code that was never run is not what is measured: a tenth of them first.
  for (const [key, { id }] of entries.slice(0, entries.length / 10)) check(await contender.get(key), id);
  const before = cpuUsage();
  const startedAt = performance.now();
  if (atOnce === 1) for (const [key, { id }] of entries) check(await contender.get(key), id);
  else
    for (let first = 0; first < entries.length; first += atOnce) {
      const some = entries.slice(first, first + atOnce);
      const got = await Promise.all(some.map(([key]) => contender.get(key)));
      for (const [index, [, { id }]] of some.entries()) check(got[index], id);
    }
  const wall = ((performance.now() - startedAt) * 1000) / entries.length;
  const { user, system } = cpuUsage(before);
  return { wall, cpu: (user + system) / entries.length };
}
