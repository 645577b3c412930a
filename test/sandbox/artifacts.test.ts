import { spawnSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { collectArtifacts, escapeName } from "#src/sandbox/backend/process/host-artifacts.js";

let scratch: string;
let descriptor: number;
const generous = { bytes: 1 << 20, count: 100 };

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "artifacts-"));
  mkdirSync(join(scratch, "work"));
  descriptor = openSync(scratch, constants.O_RDONLY | constants.O_DIRECTORY);
});

afterEach(() => {
  closeSync(descriptor);
  rmSync(scratch, { recursive: true, force: true });
});

const collect = (known: Record<string, string> = {}, limits = generous) =>
  collectArtifacts(
    descriptor,
    "work",
    new Map(Object.entries(known).map(([name, text]) => [name, Buffer.from(text)])),
    limits,
  );
const inWork = (name: string | Buffer) =>
  Buffer.concat([Buffer.from(join(scratch, "work/")), Buffer.from(name as string)]);
const textOf = (collected: ReturnType<typeof collect>) =>
  collected.artifacts.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()]);

test("regular files are taken, by names in order, without those that are as they were given", () => {
  writeFileSync(inWork("b"), "new");
  writeFileSync(inWork("a"), "same");
  writeFileSync(inWork("c"), "sama");
  mkdirSync(inWork("d"));
  writeFileSync(inWork("d/e"), "deep");
  expect(textOf(collect({ a: "same", c: "same", gone: "x" }))).toEqual([
    ["b", "new"],
    ["c", "sama"],
    ["d/e", "deep"],
  ]);
});

test("no link is followed, and nothing but regular files is opened", () => {
  writeFileSync(join(scratch, "secret"), "secret");
  symlinkSync("../secret", inWork("link"));
  symlinkSync("/", inWork("root"));
  symlinkSync("/dev/zero", inWork("endless"));
  expect(spawnSync("mkfifo", [inWork("pipe").toString()]).status).toBe(0);
  const { artifacts, omitted } = collect();
  expect(artifacts).toEqual([]);
  expect(omitted).toEqual([
    { name: "endless", reason: "it is a symbolic link" },
    { name: "link", reason: "it is a symbolic link" },
    { name: "pipe", reason: "it is a named pipe" },
    { name: "root", reason: "it is a symbolic link" },
  ]);
});

test("a working folder that became a link leads nowhere", () => {
  rmSync(join(scratch, "work"), { recursive: true });
  symlinkSync("/etc", join(scratch, "work"));
  expect(collect()).toEqual({ artifacts: [], omitted: [{ name: ".", reason: "the folder cannot be opened" }] });
});

test("names that are no text are told in a way that is", () => {
  for (const name of [Buffer.from("x\ny"), Buffer.from([0xff, 0xfe]), Buffer.from("ä b"), Buffer.from("a\\x0ab")])
    writeFileSync(inWork(name), "1");
  expect(textOf(collect()).map(([name]) => name)).toEqual(["a\\\\x0ab", "x\\x0ay", "ä b", "\\xff\\xfe"]);
});

test("two names never become one, and what they become is plain", () => {
  const name = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(name, name, (left, right) => {
      fc.pre(Buffer.compare(left, right) !== 0);
      expect(escapeName(left)).not.toBe(escapeName(right));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what must not be there
      expect(escapeName(left)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
    { numRuns: 3000 },
  );
});

test("count and bytes are bounded, and what does not fit is named", () => {
  for (const name of "abcd") writeFileSync(inWork(name), name.repeat(10));
  writeFileSync(inWork("0"), "x".repeat(100));
  const { artifacts, omitted } = collect({}, { bytes: 25, count: 100 });
  expect(artifacts.map(({ name }) => name)).toEqual(["a", "b"]);
  expect(omitted.map(({ name }) => name)).toEqual(["0", "c", "d"]);
  expect(collect({}, { bytes: 1000, count: 1 }).artifacts).toHaveLength(1);
});

test("a tree may be deep and its folders closed", () => {
  let folder = join(scratch, "work");
  for (let depth = 0; depth < 40; depth++) {
    folder = join(folder, "d");
    mkdirSync(folder);
  }
  writeFileSync(join(folder, "too-deep"), "x");
  mkdirSync(inWork("closed"));
  writeFileSync(inWork("closed/file"), "x");
  chmodSync(inWork("closed/file"), 0);
  chmodSync(inWork("closed"), 0);
  const { artifacts, omitted } = collect();
  expect(artifacts.map(({ name }) => name)).toEqual(["closed/file"]);
  expect(omitted).toEqual([{ name: expect.stringMatching(/^d\/d/), reason: "it lies deeper than 32 folders" }]);
});

test("no descriptor stays open", () => {
  mkdirSync(inWork("a/b/c"), { recursive: true });
  writeFileSync(inWork("a/b/c/d"), "x");
  const before = readdirSync("/proc/self/fd").length;
  for (let round = 0; round < 20; round++) collect();
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});
