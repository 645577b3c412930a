/** A process that may open no more files: what cannot be read is a miss, what cannot be written stops the run, and nothing is wrong. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TaskCache } from "#src/index.js";
import { present } from "../support/require-component.js";

const program = fileURLToPath(new URL("./fixtures/starved.mjs", import.meta.url));
let folder: string;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "starved-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

async function start(scenario: string) {
  const started = spawn(
    "/bin/sh",
    ["-c", 'ulimit -n 512; exec "$@"', "sh", process.execPath, program, scenario, folder],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  child = started;
  const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("starved");
  return {
    goOn: () => started.stdin.write("go on\n"),
    found: async () => JSON.parse((await lines.next()).value as string) as unknown,
  };
}

describe.runIf(present("linux"))("no file can be opened", () => {
  test("cache: misses and warnings; what another process declared invalid is not given; and all is well when there is room again", async () => {
    const { goOn, found } = await start("cache");
    const other = new TaskCache({ directory: folder });
    await other.invalidate({ tag: "rows" });
    goOn();
    expect(await found()).toEqual({
      // `undefined` is no JSON.
      starved: [null, "computed"],
      invalidated: expect.stringMatching(/^(?:done|NOT_INVALIDATED)$/),
      fed: [null, null, "new"],
      warnings: expect.arrayContaining(["CACHE_READ"]),
    });
    await other.close();
  });

  test("journal: a run is not begun, or stops where it cannot write, and is gone on with without running anything twice", async () => {
    const { found } = await start("journal");
    expect(await found()).toEqual({
      refused: "JOURNAL_UNWRITABLE",
      before: [],
      first: {
        ran: ["small", "large"],
        statuses: ["succeeded", "succeeded", "cancelled"],
        error: "JOURNAL_UNWRITABLE",
      },
      // The end of "large" was never written.
      again: { ran: ["large", "after"], statuses: ["succeeded", "succeeded", "succeeded"] },
    });
  });
});
