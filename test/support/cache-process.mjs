// A process that shares a cache: node cache-process.mjs FOLDER MODE. It says "ready" and waits for a line.

import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TaskCache } from "../../dist/optimized.js";

const [, , folder, mode, ...rest] = process.argv;
const cache = new TaskCache({ directory: `${folder}/cache`, maxMemory: 0, ...(rest[0] ? JSON.parse(rest[0]) : {}) });
const modes = {
  /** Computes one key, slowly. */
  async compute() {
    const value = await cache.getOrCompute("the key", async () => {
      appendFileSync(`${folder}/executions`, `${process.pid}\n`);
      await delay(300);
      return { by: process.pid };
    });
    console.log(JSON.stringify(value));
  },
  /** Begins to compute, and never ends. */
  async hang() {
    await cache.getOrCompute("the key", () => {
      appendFileSync(`${folder}/executions`, `${process.pid}\n`);
      console.log("computing");
      return new Promise(() => setInterval(() => undefined, 1000));
    });
  },
  /** Writes, reads and invalidates at random; every value that it reads must be one that belongs to its key. */
  async hammer() {
    let wrong = 0;
    for (let round = 0; round < 3000; round++) {
      const key = `key ${(round * 7919 + process.pid) % 50}`;
      const hit = await cache.get(key);
      if (hit !== undefined && (hit.value.key !== key || hit.value.text.length !== hit.value.length)) wrong++;
      const length = (round * 37) % 500;
      if (round % 3 === 0) await cache.set(key, { key, length, text: "x".repeat(length) });
      if (round % 100 === 0) await cache.invalidate({ key });
    }
    console.log(JSON.stringify({ wrong, trouble: (await cache.stats()).trouble }));
  },
};
console.log("ready");
await once(process.stdin, "data");
await modes[mode]();
await cache.close();
process.exit(0);
