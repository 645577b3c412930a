/**
 * A kernel that gives no more: forks that fail with ENOMEM, memory that cannot be mapped, threads and processes that cannot be started. The kernel
 * itself refuses, by a filter of system calls and by limits of the process. A task fails with its reason, a cache misses and says so, a
 * sandbox refuses, the rest of the run goes on, and where the process itself is killed for it, the journal has all that was done.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { present } from "../support/require-component.js";

const program = fileURLToPath(new URL("./fixtures/no-memory.mjs", import.meta.url));
const ordinaryUser = 64_321;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "no-memory-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly found: Record<string, unknown> | undefined;
  readonly stderr: string;
}

async function start(scenario: string, before: readonly string[] = [], filter?: Buffer): Promise<Ended> {
  const [file, ...args] = [...before, process.execPath, program, scenario, folder];
  const child: ChildProcess = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe", "pipe"] });
  (child.stdio[3] as NodeJS.WritableStream).end(filter ?? Buffer.alloc(0));
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    new Promise<[number | null, NodeJS.Signals | null]>((resolve) => child.once("exit", (...end) => resolve(end))),
  ]);
  const found = stdout === "" ? undefined : (JSON.parse(stdout) as Record<string, unknown>);
  return { code, signal, found, stderr };
}

/** A filter by which every fork fails with ENOMEM and every thread is started: `struct sock_filter`, for the kernel. */
function forksFail(): Buffer {
  const { clone, clone3, others } = {
    x64: { clone: 56, clone3: 435, others: [57, 58] },
    arm64: { clone: 220, clone3: 435, others: [] },
  }[arch() as "x64" | "arm64"];
  const [load, isEqual, hasBit, give] = [0x20, 0x15, 0x45, 0x06];
  const [allow, noMemory, notThere] = [0x7fff_0000, 0x0005_0000 | 12, 0x0005_0000 | 38];
  const threadFlag = 0x0001_0000;
  const lines: [number, number, number, number][] = [
    [load, 0, 0, 0],
    // Its flags are in memory, where a filter does not see them: the C library takes the older call then.
    [isEqual, 0, 1, clone3],
    [give, 0, 0, notThere],
    ...others.flatMap((call): [number, number, number, number][] => [
      [isEqual, 0, 1, call],
      [give, 0, 0, noMemory],
    ]),
    [isEqual, 1, 0, clone],
    [give, 0, 0, allow],
    [load, 0, 0, 16],
    [hasBit, 0, 1, threadFlag],
    [give, 0, 0, allow],
    [give, 0, 0, noMemory],
  ];
  const bytes = Buffer.alloc(8 * lines.length);
  for (const [index, [code, yes, no, value]] of lines.entries()) {
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(yes, 8 * index + 2);
    bytes.writeUInt8(no, 8 * index + 3);
    bytes.writeUInt32LE(value, 8 * index + 4);
  }
  return bytes;
}

describe.runIf(present("linux", "bubblewrap", "util-linux", "python"))("a kernel that has no memory", () => {
  test("for forks: what needs a process fails with the reason, the rest goes on, and the run can be gone on with", async () => {
    const wrapped = ["bwrap", "--dev-bind", "/", "/", "--seccomp", "3", "--"];
    const { code, found, stderr } = await start("forks", wrapped, forksFail());
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(found).toEqual({
      results: {
        first: "succeeded",
        command: expect.stringMatching(/^failed error: .*ENOMEM/),
        subprocess: expect.stringMatching(/^failed \S+: .*ENOMEM/),
        worker: "succeeded",
        last: "succeeded",
      },
      // It is for want of memory, which may be there at the next attempt.
      attempts: 2,
      ran: ["first", "last"],
      sandbox: expect.stringMatching(/^SANDBOX_FAILURE .*ENOMEM; try again when memory/),
    });
    const again = await start("again");
    expect(again.found).toEqual({
      results: {
        first: "succeeded",
        command: "succeeded",
        subprocess: "succeeded",
        worker: "succeeded",
        last: "succeeded",
      },
      ran: ["last"],
      sandbox: "ok 42",
    });
  });

  test("for buffers: the task fails that asks for one, the cache misses with a warning, and all is there again later", async () => {
    const { code, found, stderr } = await start("memory");
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(found).toEqual({
      results: {
        small: "succeeded",
        hungry: expect.stringMatching(/^failed error: .*allocat/i),
        command: "succeeded",
        last: "succeeded",
      },
      ran: ["small", "last"],
      starved: { large: "missing", small: { value: "kept", stale: false }, computed: true },
      fed: { large: true, hungry: "succeeded" },
      warnings: expect.arrayContaining(["CACHE_READ"]),
    });
  });

  test("for its own heap: what was done before is not done again", async () => {
    const first = await start("death");
    expect(first.found).toBeUndefined();
    expect(first.signal ?? first.code).not.toBe(0);
    const second = await start("death");
    expect(second.found).toEqual({ results: { kept: "succeeded", deadly: "succeeded" }, ran: ["deadly"] });
  });
});

test.runIf(present("linux", "root", "util-linux"))(
  "where no thread and no process can be started, what needs one fails with the reason, and later does not",
  async () => {
    chmodSync(folder, 0o755);
    chownSync(folder, ordinaryUser, ordinaryUser);
    const become = [
      "setpriv",
      `--reuid=${ordinaryUser}`,
      `--regid=${ordinaryUser}`,
      "--clear-groups",
      "--inh-caps=-all",
      "--",
    ];
    const { code, found, stderr } = await start("threads", become);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const all = {
      first: "succeeded",
      command: "succeeded",
      subprocess: "succeeded",
      worker: "succeeded",
      last: "succeeded",
    };
    expect(found).toMatchObject({
      starved: {
        first: "succeeded",
        command: expect.stringMatching(/^failed error: .*EAGAIN/),
        subprocess: expect.stringMatching(/^failed \S+: .*EAGAIN/),
        worker: expect.stringMatching(/^failed \S+: /),
        last: "succeeded",
      },
      refused: expect.stringMatching(/^SANDBOX_FAILURE .*EAGAIN; try again when memory/),
      fed: all,
      sandbox: "ok 42",
    });
  },
);
