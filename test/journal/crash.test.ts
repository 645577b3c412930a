/**
 * A process is killed (SIGKILL) at random moments of a run, and the run is gone on with by another, until it is done. 25 kills;
 * `ORCHESTRATOR_CRASHES=500` for the whole proof.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readJournal } from "#src/journal/read-journal.js";
import { readSegments } from "#src/journal/segments.js";
import { seededRandom } from "#src/testing.js";

const crashes = Number(process.env.ORCHESTRATOR_CRASHES ?? 25);
const program = fileURLToPath(new URL("./fixtures/crash-run.mjs", import.meta.url));
const taskCount = 2000;

let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crash-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test(`${crashes} kills: every task succeeds exactly once, no output changes, nothing that succeeded runs again`, {
  // The machine may be a busy one.
  timeout: 120_000 + crashes * 60_000,
}, async () => {
  const seed = Number(process.env.ORCHESTRATOR_SEED ?? Date.now() % 1_000_000);
  const random = seededRandom(seed);
  let killed = 0;
  for (let run = 0; killed < crashes; run++) {
    const runFolder = join(folder, String(run));
    killed += await killUntilDone(runFolder, random, crashes - killed).catch((error: unknown) => {
      throw new Error(`with ORCHESTRATOR_SEED=${seed}, run ${run}: ${(error as Error).message}`, { cause: error });
    });
    rmSync(runFolder, { recursive: true, force: true });
    if (crashes > 25) console.log(`${killed} of ${crashes} kills, in ${run + 1} runs, ORCHESTRATOR_SEED=${seed}`);
  }
  expect(killed).toBe(crashes);
});

/** Runs processes, and kills each, until one reaches the end; says how many it killed. */
async function killUntilDone(runFolder: string, random: () => number, most: number): Promise<number> {
  const { mkdirSync } = await import("node:fs");
  mkdirSync(runFolder);
  /** Succeeded tasks as the journal told them after each kill: output as text, and the generation that had ended by then. */
  const known = new Map<string, { readonly text: string; readonly generation: number }>();
  for (let generation = 0; ; generation++) {
    // The last process of all runs to the end.
    const executions = generation < most ? Math.floor(random() * 500) : Number.POSITIVE_INFINITY;
    const done = await runAndKill(runFolder, generation, executions, random() * 4);
    checkJournal(runFolder, known, generation);
    if (done === undefined) continue;
    checkEnd(runFolder, known, done);
    return generation;
  }
}

/** Starts a process and kills it when it has executed so many tasks and so many milliseconds more; gives what it said if it came to its end. */
async function runAndKill(
  runFolder: string,
  generation: number,
  executions: number,
  delayMs: number,
): Promise<string | undefined> {
  const started = spawn(process.execPath, [program, runFolder, String(generation)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child = started;
  const closed = once(started, "close");
  const kill = (): void => void setTimeout(() => started.kill("SIGKILL"), delayMs);
  // As it starts, too.
  if (executions < 10) setTimeout(kill, 20 * executions);
  let done: string | undefined;
  for await (const line of createInterface({ input: started.stdout! })) {
    if (line.startsWith("done ")) done = line.slice(5);
    else if (Number(line) >= executions) kill();
  }
  const [code, signal] = (await closed) as [number | null, string | null];
  expect(code === 0 || signal === "SIGKILL").toBe(true);
  return done;
}

/** What had succeeded has still, with the same output. */
function checkJournal(
  runFolder: string,
  known: Map<string, { readonly text: string; readonly generation: number }>,
  generation: number,
): void {
  let results: ReturnType<ReturnType<typeof readJournal>["results"]>;
  try {
    results = readJournal(join(runFolder, "run")).results();
  } catch (error) {
    // Killed before there was anything.
    if ((error as { code?: string }).code === "JOURNAL_NOT_FOUND" && known.size === 0) return;
    throw error;
  }
  for (const [id, result] of results) {
    if (!result.success) continue;
    const text = JSON.stringify(result.output);
    const before = known.get(id);
    if (before === undefined) known.set(id, { text, generation });
    else if (before.text !== text) throw new Error(`the output of ${id} changed in generation ${generation}`);
  }
  for (const id of known.keys()) {
    if (results.get(id)?.success !== true && !id.startsWith("each["))
      throw new Error(`${id} had succeeded, and has not in generation ${generation}`);
  }
}

function checkEnd(
  runFolder: string,
  known: ReadonlyMap<string, { readonly text: string; readonly generation: number }>,
  done: string,
): void {
  expect(JSON.parse(done)).toEqual({ succeeded: taskCount - 4, skipped: 4 });
  const successes = new Map<string, number>();
  const ids: string[] = [];
  readSegments(join(runFolder, "run"), (record) => {
    if (record.type === "graph") ids.push(...record.ids);
    if (record.type === "attempt-succeeded" && record.task < ids.length) {
      const id = ids[record.task]!;
      successes.set(id, (successes.get(id) ?? 0) + 1);
    }
  });
  expect([...successes.values()].every((count) => count === 1)).toBe(true);
  expect(known.size).toBe(taskCount - 4);
  for (const line of readFileSync(join(runFolder, "executions"), "utf8").trim().split("\n")) {
    const [id, generation] = line.split(" ") as [string, string];
    const success = known.get(id)!;
    if (Number(generation) > success.generation)
      throw new Error(`${id} had succeeded in generation ${success.generation} and ran again in ${generation}`);
  }
}
