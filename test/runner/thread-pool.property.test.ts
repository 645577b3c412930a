/** Whatever attempts do and whenever they are aborted: each ends exactly once, in a way that fits, and the pool heals. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { worker } from "#src/model/describe.js";
import { ThreadRunner } from "#src/runner/thread/thread-runner.js";
import { attempt, outputOf, type Recorded } from "./attempt.js";

const tasks = new URL("./fixtures/tasks.mjs", import.meta.url);

/** Which ends are right for a function, where nobody aborts it and no neighbour dies. */
const rightEnds: Readonly<Record<string, string>> = {
  add: "succeeded",
  slowAdd: "succeeded",
  echo: "succeeded",
  failTyped: "failed",
  failOwn: "failed",
  unserialisable: "failed",
  nothingLikeThat: "failed",
  exit: "failed",
  throwLater: "failed",
};
const deadly = new Set(["exit", "throwLater"]);

const history = fc.record({
  maxWorkers: fc.integer({ min: 1, max: 3 }),
  tasksPerWorker: fc.integer({ min: 1, max: 4 }),
  gathersCalls: fc.boolean(),
  recycleAfterTasks: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  attempts: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(rightEnds), "hang", "spin"),
      /** Aborted when so many attempts have ended; those that never end by themselves always are. */
      abortAfter: fc.option(fc.nat(10), { nil: undefined }),
      timed: fc.boolean(),
    }),
    { minLength: 1, maxLength: 15 },
  ),
});

it("ends each attempt exactly once, in a way that fits", async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ maxWorkers, tasksPerWorker, gathersCalls, recycleAfterTasks, attempts }) => {
      const recycle = recycleAfterTasks === undefined ? {} : { recycleAfterTasks };
      await using closing = {
        runner: new ThreadRunner({ maxWorkers, tasksPerWorker, abortGrace: 0.005, ...recycle }, { gathersCalls }),
        async [Symbol.asyncDispose]() {
          await this.runner.close();
        },
      };
      const { runner } = closing;
      const all: { recorded: Recorded; name: string; aborted: boolean; abortAfter: number | undefined }[] = [];
      let ended = 0;
      const abortDue = (): void => {
        for (const one of all) {
          if (one.abortAfter === undefined || one.aborted || ended < one.abortAfter) continue;
          one.aborted = true;
          one.recorded.control.abort(new Error("aborted by the test"));
        }
      };
      for (const { name, abortAfter, timed } of attempts) {
        const endless = name === "hang" || name === "spin";
        const recorded = attempt(
          runner,
          worker(tasks, name),
          { a: 1, b: 1 },
          { timeoutMs: timed ? 60_000 : undefined },
        );
        all.push({ recorded, name, aborted: false, abortAfter: abortAfter ?? (endless ? 0 : undefined) });
        void recorded.ended.then(() => {
          ended++;
          abortDue();
        });
      }
      // Where fewer end than an abort waits for, the rest is aborted now.
      abortDue();
      const some = setInterval(() => {
        ended++;
        abortDue();
      }, 20);
      const ends = await Promise.all(all.map(({ recorded }) => recorded.ended));
      clearInterval(some);
      const someoneDies = attempts.some(({ name }) => deadly.has(name)) || all.some(({ aborted }) => aborted);
      for (const [index, { recorded, name, aborted }] of all.entries()) {
        const { end } = ends[index]!;
        const allowed = new Set([rightEnds[name], ...(aborted ? ["stopped"] : []), ...(someoneDies ? ["lost"] : [])]);
        // An attempt that was alone in its thread is also charged with what an ended one left running there.
        if (someoneDies) allowed.add("failed");
        expect(allowed, `${name} ended ${end}`).toContain(end);
        const reports = recorded.story.filter((line) => /^(succeeded|failed|lost|stopped)$/.test(line));
        expect(reports).toHaveLength(1);
        expect(recorded.story.at(-1)).toBe(reports[0]);
        expect(recorded.story.filter((line) => line.startsWith("started"))).toHaveLength(
          recorded.story[0]?.startsWith("started") ? 1 : 0,
        );
      }
      expect(runner.size).toBeLessThanOrEqual(maxWorkers);
      expect(await outputOf(attempt(runner, worker(tasks, "add"), { a: 2, b: 2 }))).toBe(4);
    }),
    { numRuns: 25, interruptAfterTimeLimit: 60_000 },
  );
}, 120_000);
