import fc from "fast-check";
import { expect, test } from "vitest";
import { sandboxVerdicts } from "#src/model/sandbox.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import { judge, type RunFacts } from "#src/sandbox/verdict.js";

const { limits } = resolveSandboxConfig({ timeLimit: 2, memoryLimit: "64MiB", processLimit: 32 });
const quiet: RunFacts = { exitCode: 0, signal: null, oomKills: 0, processLimitHits: 0, diskFull: false };
const failed: RunFacts = { ...quiet, exitCode: 1 };

test.each<[string, RunFacts, string, RegExp]>([
  ["ran to its end", quiet, "ok", /^$/],
  ["ran to its end after a fork was refused", { ...quiet, processLimitHits: 3 }, "ok", /^$/],
  ["ran to its end although a child was killed for want of memory", { ...quiet, oomKills: 1 }, "ok", /^$/],
  ["exited", { ...failed, exitCode: 3 }, "error", /exited with 3/],
  [
    "exited with last words",
    { ...failed, lastWords: "cat: no such file" },
    "error",
    /exited with 1: cat: no such file/,
  ],
  ["threw", { ...failed, reported: { type: "ValueError", message: "no" } }, "error", /^no$/],
  ["hit its deadline", { ...failed, ended: "deadline" }, "timeout", /time limit of 2s/],
  [
    "hit its deadline in a fork bomb",
    { ...failed, ended: "deadline", processLimitHits: 9 },
    "timeout",
    /more processes/,
  ],
  [
    "was killed for want of memory",
    { ...failed, exitCode: null, signal: "SIGKILL", oomKills: 1 },
    "memory-limit",
    /64 MiB/,
  ],
  ["could get no memory", { ...failed, reported: { type: "MemoryError", message: "" } }, "memory-limit", /64 MiB/],
  ["was seen over its memory", { ...failed, ended: "memory" }, "memory-limit", /64 MiB/],
  ["filled its disk", { ...failed, diskFull: true }, "disk-limit", /disk limit of 64 MiB/],
  [
    "was refused a write",
    { ...failed, lastWords: "OSError: [Errno 28] No space left on device" },
    "disk-limit",
    /disk/,
  ],
  ["wrote too large a file", { ...failed, exitCode: null, signal: "SIGXFSZ" }, "disk-limit", /file size limit/],
  ["was refused a process and failed", { ...failed, processLimitHits: 1 }, "process-limit", /32 processes/],
  ["printed too much", { ...failed, ended: "output" }, "output-limit", /output limit of 1 MiB/],
  ["crashed", { ...failed, exitCode: null, signal: "SIGSEGV" }, "killed", /SIGSEGV/],
  ["made a foreign system call", { ...failed, exitCode: null, signal: "SIGSYS" }, "killed", /system call/],
  ["was aborted", { ...failed, ended: "abort" }, "killed", /aborted by its caller/],
  ["never ran", { ...failed, failure: "bwrap is broken" }, "sandbox-failure", /bwrap is broken/],
])("code that %s", (_what, facts, verdict, message) => {
  const judgement = judge(facts, limits);
  expect(judgement.verdict).toBe(verdict);
  expect(judgement.message ?? "").toMatch(message);
});

test("nothing that is said inside makes a failed run a successful one", () => {
  const word = fc.string({ maxLength: 50 });
  const facts = fc.record({
    exitCode: fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constant(null)),
    signal: fc.constantFrom("SIGKILL", "SIGSEGV", "SIGTERM"),
    oomKills: fc.nat(3),
    processLimitHits: fc.nat(3),
    diskFull: fc.boolean(),
    ended: fc.constantFrom(undefined, "deadline" as const, "output" as const, "abort" as const, "memory" as const),
    reported: fc.option(fc.record({ type: word, message: word }), { nil: undefined }),
    lastWords: word,
  });
  fc.assert(
    fc.property(facts, (given) => {
      const judgement = judge({ ...given, signal: given.exitCode === null ? given.signal : null }, limits);
      expect(judgement.verdict).not.toBe("ok");
      expect(sandboxVerdicts).toContain(judgement.verdict);
      expect(judgement.message).toBeTypeOf("string");
    }),
  );
});

test("who was stopped did not succeed, whatever the exit code", () => {
  for (const ended of ["deadline", "output", "abort", "memory"] as const)
    expect(judge({ ...quiet, ended }, limits).verdict).not.toBe("ok");
});
