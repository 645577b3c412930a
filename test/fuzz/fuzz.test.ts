/** Readers of what others wrote, against inputs made to break them; see `each.ts`. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { parseBytes, parseDurationMs } from "#src/model/units.js";
import { compileExpression, ExpressionError, type ScopeName } from "#src/pipeline/expression.js";
import { parsePipeline } from "#src/pipeline/load.js";
import { PipelineError } from "#src/pipeline/problem.js";
import { readWfFormat, WfFormatError } from "#src/pipeline/wfformat.js";
import { parseBoundedJson } from "#src/sandbox/channel/bounded-json.js";
import { FrameReader, frameKinds } from "#src/sandbox/channel/frame-reader.js";
import { readClientHello } from "#src/sandbox/network/client-hello.js";
import { parseDomainRule } from "#src/sandbox/network/domain-rule.js";
import { parseNpmRequirement } from "#src/sandbox/packages/javascript/requirement.js";
import { parseAllowedDistribution, parseRequirement } from "#src/sandbox/packages/python/requirement.js";
import { fuzzEach, refusesWith } from "./each.js";
import type { FuzzTarget } from "./fuzzer.js";
import { guestTargets } from "./guest-targets.js";

const utf8 = (texts: readonly string[]) => texts.map((text) => Buffer.from(text));
const pipelineFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yaml"))
    .map((file) => readFileSync(join(folder, file), "utf8"))
    .filter((text) => text.length < 4000);

const names: readonly ScopeName[] = ["inputs", "tasks", "item", "index"];
const scope = {
  inputs: { n: 3, text: "a-b", list: [1, 2.5, "x", null], map: { a: { b: [true] } } },
  tasks: { load: { output: { rows: [{ id: 1 }] }, status: "succeeded" } },
  item: "item",
  index: 0,
};

const token = "0123456789abcdef0123456789abcdef";
const frame = (kind: string, payload: string) => `${token} ${kind} ${Buffer.byteLength(payload)}\n${payload}`;

function readFrames(input: Buffer, pieces: readonly number[]): FrameReader {
  const reader = new FrameReader(token, { valueBytes: 600, otherBytes: 300 });
  let from = 0;
  for (const piece of [...pieces, input.length]) {
    reader.push(input.subarray(from, Math.min(input.length, from + piece)));
    from += piece;
  }
  return reader;
}

const targets: readonly FuzzTarget[] = [
  {
    name: "pipeline file",
    seeds: utf8([...pipelineFiles("examples"), ...pipelineFiles("test/cli/pipelines")]),
    dictionary: [
      "tasks:",
      "needs: ",
      "forEach: ",
      "${{ ",
      " }}",
      "&a ",
      "*a",
      "<<: *a",
      "when: ",
      "!!binary ",
      "? ",
      "|-\n",
      "- ",
    ],
    covers: "/dist/pipeline/",
    share: 0.2,
    check: (input) => {
      const text = input.toString("utf8");
      const error = refusesWith([PipelineError], () => void parsePipeline(text));
      const lines = text.split("\n").length;
      for (const { line, column, message } of (error as PipelineError | undefined)?.problems ?? []) {
        expect(line).toBeLessThanOrEqual(lines);
        expect(column).toBeGreaterThanOrEqual(line === 0 ? 0 : 1);
        expect(message).not.toBe("");
      }
    },
  },
  {
    name: "expression",
    seeds: utf8([
      "inputs.n * 2 + 1.5",
      'tasks.load.output.rows.map(row, row.id).exists(id, id > 0) ? "yes" : "no"',
      'tasks["load"].status == "succeeded" && has(inputs.map.a) || !(index in [1, 2])',
      "inputs.list[0] + size(inputs.text) % 2",
      'toJson({"a": [1, {"b": item}]}) + string(fromJson("[1]")[0])',
      "inputs.map.?a.?b[?0].orValue(false)",
      'timestamp("2024-01-01T00:00:00Z") + duration("1h")',
    ]),
    dictionary: [
      "inputs.",
      "tasks",
      ".map(x, ",
      "9223372036854775807",
      "-1",
      "b'\\xff'",
      "r'",
      '"""',
      "?.",
      "[?",
      " in ",
      "dyn(",
    ],
    longest: 500,
    covers: "/dist/pipeline/",
    check: (input) => {
      const text = input.toString("utf8");
      const error = refusesWith([ExpressionError], () => {
        const value = compileExpression(text, names).evaluate(scope);
        JSON.stringify(value);
      });
      if (error === undefined) return;
      const { start, end } = error as ExpressionError;
      expect(start).toBeGreaterThanOrEqual(0);
      expect(end).toBeGreaterThanOrEqual(start);
      expect(start).toBeLessThanOrEqual(text.length);
    },
  },
  {
    name: "frames of a driver",
    seeds: utf8([
      frame("value", '{"a":1}') + frame("done", "0"),
      `garbage ${token} ${frame("error", '{"type":"E"}')}${token}${frame("text", "x".repeat(200))}`,
      frame("string", "é".repeat(100)).repeat(3),
    ]),
    dictionary: [token, `${token} value `, " done 1\n0", " value 99999999999\n", ...frameKinds],
    covers: "/dist/sandbox/channel/",
    check: (input) => {
      const whole = readFrames(input, []);
      const pieces = readFrames(
        input,
        Array.from(input.subarray(0, 64), (byte) => 1 + (byte & 15)),
      );
      expect(pieces.overflowed).toBe(whole.overflowed);
      // Where the limit was crossed, what came in one piece with the crossing is dropped with it.
      if (!whole.overflowed) expect([...pieces.frames]).toEqual([...whole.frames]);
      for (const [kind, payload] of whole.frames) {
        expect(frameKinds).toContain(kind);
        expect(payload.length).toBeLessThanOrEqual(600);
      }
    },
  },
  ...guestTargets,
  {
    name: "JSON of a driver",
    seeds: utf8(['{"a": [1, {"b": "\\u0041\\""}], "c": null}', `${"[".repeat(150)}${"]".repeat(150)}`]),
    dictionary: ["[[[[[[[[[[", "]]]]", '"__proto__":', "1e999", '"\\ud800"'],
    covers: "/dist/sandbox/channel/",
    check: (input) => {
      const parsed = parseBoundedJson(input.toString("utf8"));
      if ("value" in parsed) structuredClone(parsed.value);
      else expect(parsed.problem).not.toBe("");
    },
  },
  {
    name: "allowed packages",
    seeds: utf8([
      "pandas>=1.5,<3",
      "numpy ~= 1.24.0",
      "lodash@^4.17",
      "@scope/name@>=1 <3 || 5.x",
      "a===1.0+local.1",
      "x!=1.*",
    ]),
    dictionary: [
      "@npm:",
      "://",
      "..",
      "[extra]",
      "; python_version",
      "==1!2.0rc1.post2.dev3",
      " || ",
      "=>",
      "\u00a0",
      "-e ",
    ],
    longest: 300,
    covers: "/dist/sandbox/packages/",
    check: (input) => {
      const text = input.toString("utf8");
      refusesWith([RangeError], () => {
        const { name, range } = parseNpmRequirement(text);
        expect(parseNpmRequirement(range === "*" ? name : `${name}@${range}`)).toEqual({ name, range });
      });
      refusesWith([RangeError], () => {
        const { name, key } = parseAllowedDistribution(text);
        expect(name).toMatch(/^[A-Za-z0-9._-]+$/);
        expect(key).toMatch(/^[a-z0-9-]+$/);
      });
    },
  },
  {
    name: "requirements in metadata",
    seeds: utf8([
      'requests[security,tests] (>=2.8.1) ; python_version < "2.7"',
      "pip @ https://example.org/pip.whl#sha1=da9",
      "name>=3,<2",
    ]),
    dictionary: [" ; extra == ", "[", "]", "(", ")", " @ ", "~=", "==="],
    longest: 5000,
    covers: "/dist/sandbox/packages/",
    check: (input) => void refusesWith([RangeError], () => void parseRequirement(input.toString("utf8"))),
  },
  {
    name: "allowed domains",
    seeds: utf8([
      "api.example.com:443",
      "*.example.org:8443",
      "[2001:db8::1]:80",
      "xn--bcher-kva.example:443",
      "bücher.example:443",
    ]),
    dictionary: ["*.", ":0", ":65536", "..", "%00", "@", "xn--", "::ffff:127.0.0.1"],
    longest: 300,
    covers: "/dist/sandbox/network/",
    check: (input) => void refusesWith([RangeError], () => void parseDomainRule(input.toString("utf8"))),
  },
  {
    name: "first bytes of TLS",
    seeds: [Buffer.from(clientHello(), "hex")],
    covers: "/dist/sandbox/network/",
    check: (input) => {
      const whole = readClientHello(input);
      const half = readClientHello(input.subarray(0, input.length >> 1));
      // What is wrong or whole stays so, whatever follows.
      if (half.state !== "incomplete") expect(whole).toEqual(half);
      if (whole.state === "malformed") expect(whole.problem).not.toBe("");
    },
  },
  {
    name: "WfFormat",
    seeds: utf8([
      JSON.stringify({
        name: "w",
        schemaVersion: "1.5",
        workflow: {
          specification: {
            tasks: [
              { id: "a_1", name: "a_1", parents: [] },
              { id: "b", parents: ["a_1"] },
            ],
          },
          execution: {
            makespanInSeconds: 3,
            tasks: [
              { id: "a_1", runtimeInSeconds: 1 },
              { id: "b", runtimeInSeconds: 2 },
            ],
          },
        },
      }),
    ]),
    dictionary: ['"parents":', "null", "[]", "{}", '"runtimeInSeconds":', "-1", '"__proto__":'],
    covers: "/dist/pipeline/wfformat",
    check: (input) => {
      let value: unknown;
      try {
        value = JSON.parse(input.toString("utf8"));
      } catch {
        return;
      }
      refusesWith([WfFormatError], () => {
        for (const task of readWfFormat(value).tasks) expect(task.expectedDuration).toBeGreaterThanOrEqual(0);
      });
    },
  },
  {
    name: "durations and sizes",
    seeds: utf8(["250ms", "1.5h", "512MiB", "4GB", "30", "1e3s"]),
    dictionary: ["ms", "min", "KiB", "TB", "-", "e99", " ", "Infinity"],
    longest: 40,
    covers: "/dist/model/units",
    check: (input) => {
      const text = input.toString("utf8");
      refusesWith([RangeError, TypeError], () => expect(parseDurationMs(text)).toBeGreaterThanOrEqual(0));
      refusesWith([RangeError, TypeError], () => expect(Number.isSafeInteger(parseBytes(text))).toBe(true));
    },
  },
];

fuzzEach("readers of what others wrote stand", targets);

/** A hello for example.com in two records. */
function clientHello(): string {
  const name = Buffer.from("example.com");
  const two = (value: number) => [value >> 8, value & 255];
  const sni = [...two(0), ...two(name.length + 5), ...two(name.length + 3), 0, ...two(name.length), ...name];
  const extensions = [...two(0xff01), ...two(1), 0, ...sni];
  const body = [
    3,
    3,
    ...new Uint8Array(32),
    4,
    1,
    2,
    3,
    4,
    ...two(2),
    0x13,
    1,
    1,
    0,
    ...two(extensions.length),
    ...extensions,
  ];
  const message = [1, 0, ...two(body.length), ...body];
  const records = [message.slice(0, 50), message.slice(50)].map((part) => [22, 3, 1, ...two(part.length), ...part]);
  return Buffer.from(records.flat()).toString("hex");
}
