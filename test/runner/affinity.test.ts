/** Attempts of one key go to the worker that served it before, where it is free, and never wait for it where it is not. */
import { afterAll, describe, expect, it } from "vitest";
import { subprocess, worker } from "#src/model/describe.js";
import type { Runner } from "#src/port/runner.js";
import { ProcessRunner } from "#src/runner/process/process-runner.js";
import { ThreadRunner } from "#src/runner/thread/thread-runner.js";
import { WarmKeys } from "#src/runner/warm-keys.js";
import { attempt } from "./attempt.js";

const module = new URL("./fixtures/tasks.mjs", import.meta.url);

/** Workers take their time to start on a busy machine. */
const untilThere = { timeout: 60_000 };

const kinds = [
  ["threads", new ThreadRunner({ maxWorkers: 3, minWorkers: 3, tasksPerWorker: 1 }), worker(module, "slowAdd")],
  ["processes", new ProcessRunner({ maxWorkers: 3, minWorkers: 3 }), subprocess(module, "slowAdd")],
] as const;

afterAll(() => Promise.all(kinds.map(([, runner]) => runner.close())));

describe.each(kinds)("%s", (_name, runner, work) => {
  const run = async (affinity: string): Promise<string> => {
    const recorded = attempt(runner as Runner, work, { a: 1, b: 2 }, { affinity });
    await recorded.ended;
    return recorded.started;
  };

  it("prefer the worker of their key", async () => {
    // Until there are three workers, each of which was the first to serve one of three keys.
    let keys: readonly string[] = [];
    let homes: readonly string[] = [];
    let round = 0;
    await expect
      .poll(async () => {
        round++;
        keys = ["a", "b", "c"].map((key) => `${key}${round}`);
        homes = await Promise.all(keys.map(run));
        return new Set(homes).size;
      }, untilThere)
      .toBe(3);
    for (const place of [2, 0, 1, 0, 2]) expect(await run(keys[place]!)).toBe(homes[place]);
  }, 90_000);

  it("do not wait for it", async () => {
    const homes = await Promise.all(["d", "d", "d"].map(run));
    expect(new Set(homes).size).toBeGreaterThan(1);
  });
});

describe("WarmKeys", () => {
  it("forgets the key that was served longest ago", () => {
    const keys = new WarmKeys();
    for (let key = 0; key < 64; key++) keys.add(`${key}`);
    keys.add("0");
    keys.add("new");
    expect([keys.has("0"), keys.has("1"), keys.has("2"), keys.has("new"), keys.has(undefined)]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});
