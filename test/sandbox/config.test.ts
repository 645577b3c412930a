import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "#src/model/error.js";
import type { ExecuteCodeOptions, SandboxConfig } from "#src/model/sandbox.js";
import { resolveSandboxConfig } from "#src/sandbox/config.js";
import "#src/sandbox/language/index.js";
import { resolveCodeRequest } from "#src/sandbox/request.js";

function problemsOf(attempt: () => unknown): string[] {
  try {
    attempt();
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return (error as InvalidOptionError).problems.map(({ where, message }) => `${where}: ${message}`);
  }
}

describe("a configuration", () => {
  test("has a safe default for everything", () => {
    const { limits, networkDisabled, allowedPackages, asked } = resolveSandboxConfig();
    expect(networkDisabled).toBe(true);
    expect(allowedPackages).toEqual([]);
    expect(asked.size).toBe(0);
    expect(limits).toMatchObject({ memoryBytes: 512e6, cpuQuotaMicros: 100_000, timeMs: 30_000, processes: 64 });
    expect(Object.values(limits).every(Number.isFinite)).toBe(true);
  });

  test("knows what was asked for", () => {
    const { asked, degradable } = resolveSandboxConfig({
      memoryLimit: "1GiB",
      onUnsupported: ["memoryLimit", "cpuQuota"],
    });
    expect([...asked]).toEqual(["memoryLimit"]);
    expect([...degradable]).toEqual(["memoryLimit", "cpuQuota"]);
  });

  test.each<[string, unknown, RegExp]>([
    ["memoryLimit", "1MB", /sandbox\.memoryLimit: takes at least 16777216 bytes/],
    ["memoryLimit", "lots", /sandbox\.memoryLimit: "lots" has no known unit/],
    ["memoryLimit", -1, /sandbox\.memoryLimit/],
    ["cpuQuota", 999, /sandbox\.cpuQuota: takes an integer from 1000/],
    ["cpuQuota", 5e4 + 0.5, /sandbox\.cpuQuota: takes an integer/],
    ["timeLimit", 0, /sandbox\.timeLimit: takes at least 0.05 seconds/],
    ["timeLimit", "60d", /sandbox\.timeLimit: takes at most 24 days/],
    ["processLimit", 1, /sandbox\.processLimit/],
    ["outputLimit", 10, /sandbox\.outputLimit/],
    ["networkDisabled", "yes", /sandbox\.networkDisabled: takes true or false/],
    ["allowedPackages", "pandas", /sandbox\.allowedPackages: takes an array/],
    ["allowedPackages", [""], /sandbox\.allowedPackages/],
    ["onUnsupported", ["network"], /"network" can never be degraded/],
    ["onUnsupported", ["filesystem"], /"filesystem" can never be degraded/],
    ["onUnsupported", ["seccomp"], /"seccomp" can never be degraded/],
    ["onUnsupported", ["memory"], /onUnsupported\[0\]: takes one of "memoryLimit"/],
    ["env", { LD_PRELOAD: "/tmp/x.so" }, /sandbox\.env\.LD_PRELOAD: is refused/],
    ["env", { PYTHONPATH: "/tmp" }, /sandbox\.env\.PYTHONPATH: is refused/],
    ["env", { NODE_OPTIONS: "--require=/tmp/x" }, /sandbox\.env\.NODE_OPTIONS: is refused/],
    ["env", { BASH_ENV: "/tmp/x" }, /sandbox\.env\.BASH_ENV: is refused/],
    ["env", { "A=B": "c" }, /the name takes letters/],
    ["env", { A: "\0" }, /NUL/],
    ["runtime", "chroot", /sandbox\.runtime: takes one of/],
    ["minIsolation", "strong", /sandbox\.minIsolation: takes one of/],
    ["docker", { image: "-v /:/host" }, /sandbox\.docker\.image: takes the name of an image/],
    ["docker", { socket: "x" }, /sandbox\.docker\.socket: unknown option/],
    ["memoryLimt", "1GB", /memoryLimt: unknown option; did you mean "memoryLimit"/],
  ])("refuses %s: %j", (option, value, message) => {
    const problems = problemsOf(() => resolveSandboxConfig({ [option]: value } as SandboxConfig));
    expect(problems.join("\n")).toMatch(message);
  });

  test("tells everything that is wrong at once", () => {
    const wrong = { memoryLimit: 1, cpuQuota: 1, nonsense: true } as unknown as SandboxConfig;
    expect(problemsOf(() => resolveSandboxConfig(wrong))).toHaveLength(3);
  });
});

describe("a request", () => {
  test("takes files, arguments, variables and inputs", () => {
    const request = resolveCodeRequest(
      "1",
      { files: { "a/b.txt": "x", "c.bin": new Uint8Array([0]) }, args: ["-v"], env: { A: "1" }, inputs: { n: 1 } },
      { env: { A: "0", B: "2" } },
    );
    expect(request.files.map(({ name }) => name)).toEqual(["a/b.txt", "c.bin"]);
    expect(request.env).toEqual({ A: "1", B: "2" });
    expect(request.inputsJson).toBe('{"n":1}');
  });

  test.each<[string, ExecuteCodeOptions, RegExp]>([
    [
      "a name that climbs",
      { files: { "../../etc/x": "" } },
      /files\["\.\.\/\.\.\/etc\/x"\]: the name takes a path without/,
    ],
    ["a name that climbs in the middle", { files: { "a/../b": "" } }, /without empty parts/],
    ["an absolute name", { files: { "/etc/x": "" } }, /got an absolute one/],
    ["a NUL in a name", { files: { "a\0b": "" } }, /NUL/],
    ["an empty name", { files: { "": "" } }, /the name is empty/],
    ["half a character in a name", { files: { "\ud800": "" } }, /no valid Unicode/],
    ["a long part of a name", { files: { ["x".repeat(256)]: "" } }, /longer than 255 bytes/],
    ["a file in a file", { files: { a: "", "a/b": "" } }, /"a" is a file too/],
    ["content that is none", { files: { a: 1 as unknown as string } }, /takes text or a Uint8Array/],
    ["a NUL in an argument", { args: ["a\0b"] }, /args: has a NUL/],
    ["an unknown language", { language: "pyton" }, /language: takes one of .*did you mean "python"/],
    ["inputs that are no JSON", { inputs: 1n }, /inputs: takes JSON data/],
    ["a function as inputs", { inputs: () => 1 }, /inputs: takes JSON data/],
    ["an unknown option", { stdinn: "" } as ExecuteCodeOptions, /stdinn: unknown option; did you mean "stdin"/],
    ["a variable that steers loaders", { env: { LD_LIBRARY_PATH: "." } }, /env\.LD_LIBRARY_PATH: is refused/],
  ])("refuses %s", (_what, options, message) => {
    expect(problemsOf(() => resolveCodeRequest("1", options)).join("\n")).toMatch(message);
  });

  test("refuses code with a NUL, which would end somewhere else than it seems", () => {
    expect(problemsOf(() => resolveCodeRequest("print(1)\0")).join()).toMatch(/code: has a NUL/);
  });
});
