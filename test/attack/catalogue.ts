/** Runs every hostile program against an executor, whichever way it makes its sandboxes. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExecuteCodeOptions, SandboxConfig, SandboxExecutionResult } from "#src/model/sandbox.js";
import { type BackendUnderTest, managerOf } from "../sandbox/conformance/backend-under-test.js";
import { Canary, type Footprint, footprint } from "./invariants.js";
import { type HostileProgram, hostilePrograms } from "./programs.js";

/** As much of an executor as the programs need. */
export interface AttackedExecutor {
  executeCode(code: string, options?: ExecuteCodeOptions, config?: SandboxConfig): Promise<SandboxExecutionResult>;
  close(): Promise<void>;
}

export interface CatalogueOptions {
  /** Changes to what is expected, by id. */
  readonly expectations?: Readonly<Record<string, Partial<HostileProgram>>>;
  readonly config?: SandboxConfig;
  /** What else of the backend is on the host: containers, machines. Counted as cgroups are. */
  readonly others?: () => Promise<readonly string[]>;
  /** Programs besides those that every backend is attacked with. */
  readonly more?: readonly HostileProgram[];
  /** Programs that are left out, each with the reason. */
  readonly skipped?: Readonly<Record<string, string>>;
  /** Programs of this language alone, for a way to start that is another for no other. */
  readonly language?: string;
  /** Before the first sandbox, and after the last. */
  readonly start?: () => Promise<void>;
  readonly stop?: () => Promise<void>;
  /** Whether sandboxes are kept ahead: then there must be no more than at rest, though not the same ones. Default `false`. */
  readonly spares?: boolean;
}

export const attackConfig = {
  memoryLimit: "192MiB",
  cpuQuota: 50_000,
  processLimit: 48,
  timeLimit: 4,
  outputLimit: "1MiB",
  diskLimit: "20MiB",
  inodeLimit: 10_000,
  openFilesLimit: 128,
  artifactLimit: "1MiB",
} as const satisfies SandboxConfig;

/** What is about another limit than the time must not run into that, however busy the machine is. */
const patience = 15;

/**
 * How much later than its limit a call may resolve. The promise is 200 ms, held on a machine that has nothing else to do;
 * where other tests run beside it this only tells a late end from none.
 */
export const graceSeconds = process.env.ORCHESTRATOR_STRICT_TIMES === "1" ? 0.2 : 15;
const outputBytes = 2 ** 20;
const mebibyte = 2 ** 20;

export function describeCatalogue(
  title: string,
  makeExecutor: (config: SandboxConfig) => AttackedExecutor,
  options: CatalogueOptions = {},
): void {
  describe(title, () => {
    const config = { ...attackConfig, ...options.config };
    const timeLimit = Number(config.timeLimit);
    let executor: AttackedExecutor;
    let canary: Canary;
    let atRest: Footprint;
    const look = async (): Promise<Footprint> => {
      const others = (await options.others?.()) ?? [];
      const seen = footprint();
      return { ...seen, cgroups: [...seen.cgroups, ...others] };
    };

    beforeAll(async () => {
      await options.start?.();
      executor = makeExecutor(config);
      canary = await Canary.plant();
      for (const language of ["python", "javascript", "bash"]) await executor.executeCode("", { language });
      // What the first runs load and compile stays for good and is nobody's attack.
      for (let run = 0; run < 10; run++) await executor.executeCode("print('x' * 500_000)", { language: "python" });
      atRest = options.spares === true ? await fullShelves(look) : await look();
    }, 600_000);

    afterAll(async () => {
      await executor?.close();
      await canary?.[Symbol.asyncDispose]();
      const left = await look();
      await options.stop?.();
      expect(left.processes, "processes after close").toEqual([]);
      expect(left.cgroups, "cgroups after close").toEqual([]);
    });

    for (const listed of [...hostilePrograms, ...(options.more ?? [])]) {
      if (options.language !== undefined && listed.language !== options.language) continue;
      const reason = options.skipped?.[listed.id];
      if (reason !== undefined) {
        test.skip(`${listed.id}: ${reason}`, () => {});
        continue;
      }
      const program = { ...listed, ...options.expectations?.[listed.id] };
      test(`${program.id}: ${program.about}`, { timeout: 1000 * (patience + 10) * timeLimit }, async () => {
        const before = memory();
        const limit = program.verdicts.includes("timeout") ? timeLimit : patience * timeLimit;
        const started = performance.now();
        const result = await executor.executeCode(program.code, { language: program.language }, { timeLimit: limit });
        const seconds = (performance.now() - started) / 1000;
        const after = options.spares === true ? await noMoreThan(look, atRest) : await look();

        expectVerdict(program, result);
        expect(seconds, "1: resolves within its limit").toBeLessThan(limit + graceSeconds);
        if (options.spares === true) {
          expect(after.processes.length, "2: no process is alive").toBeLessThanOrEqual(atRest.processes.length);
          expect(after.cgroups.length, "3: no cgroup is left").toBeLessThanOrEqual(atRest.cgroups.length);
        } else {
          expect(after.processes, "2: no process is alive").toEqual(atRest.processes);
          expect(after.cgroups, "3: no cgroup is left").toEqual(atRest.cgroups);
        }
        expect(after.descriptors, "3: no descriptor is left").toBeLessThanOrEqual(atRest.descriptors);
        expect(after.mounts, "3: no mount is left").toBe(atRest.mounts);
        expect(after.folders, "3: no folder is left").toEqual(atRest.folders);
        await expect
          .poll(() => growth(before), { message: "4: the supervisor did not grow" })
          .toBeLessThan(outputBytes + 16 * mebibyte);
        expect(canary.shows(result), "6: no secret shows").toBe(false);
        expect(canary.connections, "6: no door of the host was reached").toBe(0);

        const good = await executor.executeCode("print(1)", { language: "python" });
        expect(good.output, "5: a good program right after").toBe("1\n");
      });
    }
  });
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes of this process without what it has let go of: all that it has, and without the part of the heap that is free. */
function memory(): { readonly resident: number; readonly used: number } {
  collectGarbage();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return { resident: rss, used: rss - (heapTotal - heapUsed) };
}

/**
 * Bytes more than before. V8 keeps some free heap, up to 32 MiB for new objects alone, and gives pages back later than it
 * says so: either makes one of the two numbers larger than it is. What is held makes both larger.
 */
function growth(before: ReturnType<typeof memory>): number {
  const { resident, used } = memory();
  return Math.min(resident - before.resident, used - before.used);
}

/** The catalogue for a backend that the conformance suite knows, cold or warm. */
export function describeAttacks(
  backend: BackendUnderTest,
  start: "cold" | "warm",
  options: Pick<CatalogueOptions, "language"> = {},
): void {
  const { name, slowness, expectations, skippedPrograms, morePrograms } = backend;
  describeCatalogue(
    `hostile programs, ${name}, ${start}`,
    (config) => managerOf(backend, { ...config, warm: start === "warm" }),
    {
      config: { timeLimit: attackConfig.timeLimit * slowness },
      ...options,
      spares: start === "warm",
      others: () => backend.remainsOf(process.pid),
      ...(expectations === undefined ? {} : { expectations }),
      ...(morePrograms === undefined ? {} : { more: morePrograms }),
      ...(skippedPrograms === undefined ? {} : { skipped: skippedPrograms }),
      ...(backend.start === undefined ? {} : { start: backend.start }),
      ...(backend.stop === undefined ? {} : { stop: backend.stop }),
    },
  );
}

const settleDeadlineMs = 10_000;

/**
 * The footprint once the spares that replace those used have been made: the most of each that is seen until nothing has
 * grown for two seconds. A spare that is on its way has descriptors before it has processes, and the other way round.
 */
async function fullShelves(look: () => Promise<Footprint>): Promise<Footprint> {
  const deadline = performance.now() + 3 * settleDeadlineMs;
  const larger = <Item>(one: readonly Item[], other: readonly Item[]) => (other.length > one.length ? other : one);
  let most = await look();
  for (let quietSince = performance.now(); performance.now() < Math.min(deadline, quietSince + 2000); ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = await look();
    const next = {
      ...now,
      processes: larger(most.processes, now.processes),
      cgroups: larger(most.cgroups, now.cgroups),
      descriptors: Math.max(now.descriptors, most.descriptors),
    };
    const grew =
      next.processes !== most.processes || next.cgroups !== most.cgroups || next.descriptors > most.descriptors;
    if (grew) quietSince = performance.now();
    most = next;
  }
  return most;
}

/** The footprint as soon as it is no larger than at rest, or at the latest after a while. */
async function noMoreThan(look: () => Promise<Footprint>, rest: Footprint): Promise<Footprint> {
  const deadline = performance.now() + settleDeadlineMs;
  for (;;) {
    const now = await look();
    const isWithin =
      now.processes.length <= rest.processes.length &&
      now.cgroups.length <= rest.cgroups.length &&
      now.descriptors <= rest.descriptors;
    if (isWithin || performance.now() > deadline) return now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function expectVerdict(program: HostileProgram, result: SandboxExecutionResult): void {
  const story = `${result.verdict}: ${result.error?.message ?? ""}\n${result.stdout.slice(0, 1000)}\n${result.stderr.slice(-1000)}`;
  expect(program.verdicts, `7: the verdict is right\n${story}`).toContain(result.verdict);
  expect(result.success).toBe(result.verdict === "ok");
  if (result.verdict !== "ok") expect(result.error?.message, "7: the message says what happened").toBeTruthy();
  if (program.exitCode !== undefined) expect(result.exitCode, story).toBe(program.exitCode);
  if (program.signal !== undefined) expect(result.signal, story).toMatch(program.signal);
  if ("value" in program) expect(result.value, story).toEqual(program.value);
  if (program.required !== undefined) expect(result.stdout, story).toMatch(program.required);
  if (program.forbidden !== undefined) expect(`${result.stdout}${result.stderr}`, story).not.toMatch(program.forbidden);
}
