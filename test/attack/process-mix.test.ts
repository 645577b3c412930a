/** 200 hostile and 200 good runs at once, on the same spares: every good answer is right, and nothing crosses over. */
import { expect, test } from "vitest";
import { SandboxManager } from "#src/sandbox/sandbox-manager.js";
import { attackConfig } from "./catalogue.js";
import { hostilePrograms } from "./programs.js";

const count = 200;

interface GoodProgram {
  readonly language: string;
  readonly code: string;
  readonly output: string;
}

const goodPrograms: readonly ((index: number) => GoodProgram)[] = [
  (index) => ({
    language: "python",
    code: `print(sum(range(${index})))`,
    output: `${(index * (index - 1)) / 2}\n`,
  }),
  (index) => ({ language: "javascript", code: `console.log(${index} * 3)`, output: `${index * 3}\n` }),
  (index) => ({ language: "bash", code: `echo $((${index} + 7))`, output: `${index + 7}\n` }),
  (index) => ({
    language: "python",
    code: `for path in ("/tmp/own", "/work/own", "/dev/shm/own"):
  open(path, "x").write("${index}")
  print(open(path).read())`,
    output: `${index}\n`.repeat(3),
  }),
];

test.each([
  ["warm", true],
  ["cold", false],
])(
  "a mix of hostile and good runs, %s",
  async (_, warm) => {
    await using manager = new SandboxManager({
      maxConcurrent: 12,
      defaults: { ...attackConfig, warm, onUnsupported: ["memoryLimit", "cpuQuota"] },
    });
    const attacks = Array.from({ length: count }, (_, index) => {
      const { code, language } = hostilePrograms[index % hostilePrograms.length]!;
      return manager.executeCode(code, { language });
    });
    // A dozen at once share a few cores with hostile ones: what is good must not be ended for being slow.
    const answers = Array.from({ length: count }, async (_, index) => {
      const { language, code, output } = goodPrograms[index % goodPrograms.length]!(index);
      const result = await manager.executeCode(code, { language }, { timeLimit: 60, cpuQuota: 100_000 });
      return { result, output };
    });
    for (const { result, output } of await Promise.all(answers))
      expect({ verdict: result.verdict, output: result.output }, result.error?.message).toEqual({
        verdict: "ok",
        output,
      });
    const verdicts = (await Promise.all(attacks)).map((result) => result.verdict);
    expect(verdicts).not.toContain("sandbox-failure");
  },
  580_000,
);
