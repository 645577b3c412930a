/**
 * Everything at once for a while, and nothing that stays: `SOAK_SECONDS=3600 npx vitest run test/soak` (default 20). What
 * it held at each rest is in `.out/soak.jsonl`; see docs/reliability.md.
 */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { present } from "../support/require-component.js";

const seconds = Number(process.env.SOAK_SECONDS ?? 20);
const output = join(import.meta.dirname, "../../.out");
const log = join(output, "soak.jsonl");
const mebibyte = 2 ** 20;

/** What V8 and the allocator may keep more between two rests of their own choosing. */
const slackBytes = { heapBytes: 8 * mebibyte, externalBytes: 8 * mebibyte, residentBytes: 48 * mebibyte };
const counts = ["descriptors", "processes", "cgroups", "mounts", "files"] as const;

type Rest = Readonly<Record<string, number>>;

test.runIf(present("linux", "bubblewrap", "util-linux", "python"))(
  `holds no more after ${seconds} seconds of everything than at the beginning`,
  { timeout: (seconds + 900) * 1000 },
  async () => {
    const rests = await run();
    const closed = rests.pop()!;
    expect(closed).toEqual({ closed: true, processes: 0, cgroups: 0 });
    // Caches fill and code is compiled in the first quarter.
    const warmedUp = rests.slice(rests.length / 4);
    const half = Math.ceil(warmedUp.length / 2);
    const [early, late] = [warmedUp.slice(0, half), warmedUp.slice(-half)];
    for (const name of counts)
      expect(least(late, name), `${name}: ${values(rests, name)}`).toBeLessThanOrEqual(most(early, name));
    for (const [name, slack] of Object.entries(slackBytes))
      expect(least(late, name), `${name}: ${values(rests, name)}`).toBeLessThanOrEqual(least(early, name) + slack);
    expect(rests.at(-1)!.tasks).toBeGreaterThan(100);
    expect(rests.at(-1)!.hostile).toBeGreaterThan(0);
  },
);

async function run(): Promise<Rest[]> {
  mkdirSync(output, { recursive: true });
  rmSync(log, { force: true });
  const program = join(import.meta.dirname, "load.mjs");
  const child = spawn(process.execPath, ["--expose-gc", program, String(seconds)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-10_000);
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const rests: Rest[] = [];
  for await (const line of createInterface(child.stdout)) {
    appendFileSync(log, `${line}\n`);
    rests.push(JSON.parse(line) as Rest);
  }
  expect(await ended, words).toBe(0);
  return rests;
}

function least(rests: readonly Rest[], name: string): number {
  return Math.min(...rests.map((rest) => rest[name]!));
}

function most(rests: readonly Rest[], name: string): number {
  return Math.max(...rests.map((rest) => rest[name]!));
}

function values(rests: readonly Rest[], name: string): string {
  return rests.map((rest) => rest[name]).join(" ");
}
