import { describe, expect, test } from "vitest";
import { presentFile, presentResult } from "#src/mcp/present.js";
import { SandboxCodeError, type SandboxExecutionResult } from "#src/model/sandbox.js";

const png = Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(100)]);

function result(changes: Partial<SandboxExecutionResult>): SandboxExecutionResult {
  const stdout = changes.stdout ?? "";
  return {
    success: true,
    verdict: "ok",
    output: stdout,
    stdout,
    stderr: "",
    stdoutBytes: Buffer.from(stdout),
    stderrBytes: Buffer.alloc(0),
    truncated: false,
    exitCode: 0,
    signal: null,
    executionTime: 0.25,
    resourceUsage: { peakBytes: 2 ** 20 },
    artifacts: [],
    artifactsOmitted: [],
    backend: "process",
    language: "python",
    warm: false,
    enforcement: [],
    ...changes,
  };
}

const textOf = (changes: Partial<SandboxExecutionResult>) => {
  const [first] = presentResult(result(changes)).content;
  return first?.type === "text" ? first.text : "";
};

describe("a result", () => {
  test("says its verdict first, then what was printed and the result", () => {
    expect(textOf({ stdout: "hello\n", value: { a: 6 } })).toBe(
      'verdict: ok (250ms, peak 1 MiB)\n\nstdout:\nhello\n\nresult:\n{"a":6}',
    );
  });

  test("shows what a notebook would show where nothing was printed", () => {
    expect(textOf({ output: "a     6\nb    15\ndtype: int64", value: { a: 6, b: 15 } })).toContain(
      "result:\na     6\nb    15",
    );
    expect(textOf({})).toBe("verdict: ok (250ms, peak 1 MiB)");
    expect(textOf({ value: null })).not.toContain("result");
    expect(textOf({ stdout: "x", value: 0 })).toContain("result:\n0");
    expect(textOf({ valueOmitted: "it is larger than 4 MiB" })).toContain("result: not shown, it is larger than 4 MiB");
  });

  test("of code that failed is an error, with the traceback once", () => {
    const traceback = "Traceback (most recent call last):\n  line 1\nZeroDivisionError: division by zero";
    const error = new SandboxCodeError({
      verdict: "error",
      type: "ZeroDivisionError",
      message: "division by zero",
      traceback,
    });
    const presented = presentResult(result({ success: false, verdict: "error", exitCode: 1, error }));
    expect(presented.isError).toBe(true);
    expect(presented.content[0]).toMatchObject({ text: expect.stringContaining(`verdict: error, exit code 1`) });
    expect(JSON.stringify(presented).split("division by zero")).toHaveLength(2);
  });

  test("of code that was stopped says by what", () => {
    const error = new SandboxCodeError({
      verdict: "timeout",
      type: "timeout",
      message: "the run was stopped at its time limit of 30s",
    });
    const text = textOf({ success: false, verdict: "timeout", exitCode: null, signal: "SIGKILL", error });
    expect(text).toContain("verdict: timeout, SIGKILL");
    expect(text).toContain("stopped at its time limit of 30s");
  });

  test("leaves out the middle of what is long, and says how much", () => {
    const text = textOf({ stdout: `start${"x".repeat(100_000)}end` });
    expect(text.length).toBeLessThan(31_000);
    expect(text).toMatch(/start.*\[\.\.\. 70008 characters left out \.\.\.\].*end$/s);
  });

  test("shows pictures, quotes small texts, names the rest, and says what was left behind", () => {
    const artifacts = [
      { name: "plot.png", bytes: png },
      { name: "notes.txt", bytes: Buffer.from("two\nlines") },
      { name: "data.bin", bytes: Buffer.from([0, 1, 2]) },
      { name: "broken.txt", bytes: Buffer.from([0xff, 0xfe]) },
      { name: "fake.png", bytes: Buffer.from("no picture") },
    ];
    const presented = presentResult(result({ artifacts, artifactsOmitted: [{ name: "link", reason: "is a link" }] }));
    expect(presented.content.slice(1)).toEqual([
      { type: "image", data: png.toString("base64"), mimeType: "image/png" },
    ]);
    const text = (presented.content[0] as { text: string }).text;
    expect(text).toContain(
      "- plot.png (108 B), shown below\n- notes.txt (9 B):\ntwo\nlines\n- data.bin (3 B)\n- broken.txt (2 B)\n- fake.png (10 B):\nno picture",
    );
    expect(text).toContain("left behind:\n- link: is a link");
  });

  test("shows no more pictures than a message can hold", () => {
    const many = Array.from({ length: 12 }, (_, index) => ({ name: `${index}.png`, bytes: png }));
    expect(presentResult(result({ artifacts: many })).content).toHaveLength(9);
    const big = Buffer.concat([png, Buffer.alloc(3_000_000)]);
    const two = [
      { name: "a.png", bytes: big },
      { name: "b.png", bytes: big },
    ];
    expect(presentResult(result({ artifacts: two })).content).toHaveLength(2);
  });
});

test("a file is text, a picture or base64, by its bytes", () => {
  expect(presentFile("a.png", Buffer.from("text é")).content).toEqual([{ type: "text", text: "text é" }]);
  expect(presentFile("a.txt", png).content).toMatchObject([{ type: "image", mimeType: "image/png" }]);
  expect(presentFile("d/a b.bin", Buffer.from([0, 255])).content).toEqual([
    {
      type: "resource",
      resource: { uri: "file:///work/d/a%20b.bin", mimeType: "application/octet-stream", blob: "AP8=" },
    },
  ]);
  expect(presentFile("empty", Buffer.alloc(0)).content).toEqual([{ type: "text", text: "" }]);
});
