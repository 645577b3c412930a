/**
 * What an agent that is the enemy's may tell of files (S14): names that lead elsewhere, names told twice, sizes that are lies, floods. Here each lie by
 * itself, over the line that guests and containers share; agents that really are programs in a guest or a container are in `vm/` and `docker/`.
 */
import { describe, expect, test } from "vitest";
import type { Frame } from "#src/sandbox/line/frames.js";
import { type FileLine, LineFiles } from "#src/sandbox/line/line-files.js";

interface Told {
  readonly path: string | Buffer;
  readonly kind?: string;
  readonly size?: number;
  /** What it says when it is asked for the content. */
  readonly content?: Buffer;
}

/** A line at whose other end somebody tells these files. */
function lineOf(files: readonly Told[], walked: object = {}): FileLine {
  const bytesOf = (path: string | Buffer) => Buffer.from(path as string);
  let listener: (frame: Frame) => void = () => {};
  const say = (kind: string, payload: Buffer | object) =>
    listener({ kind, payload: Buffer.isBuffer(payload) ? payload : Buffer.from(JSON.stringify(payload)) });
  return {
    send(_kind, payload) {
      const question = JSON.parse(payload) as { ask: string; path?: string };
      queueMicrotask(() => {
        if (question.ask === "walk") {
          for (const { path, kind = "file", size = 1 } of files)
            say("N", { path: bytesOf(path).toString("base64"), kind, size });
          say("D", walked);
          return;
        }
        const file = files.find(({ path }) => bytesOf(path).toString("base64") === question.path);
        say("T", file?.content ?? Buffer.from("x"));
        say("D", { found: true });
      });
    },
    listen: (next) => {
      listener = next;
    },
    patienceMs: () => 10_000,
    ended: new Promise(() => {}),
  };
}

const collect = (files: readonly Told[], limits = { bytes: 1000, count: 100 }) =>
  new LineFiles(lineOf(files), () => false).collect({ limits, known: new Map(), ignored: undefined });

describe("an agent", () => {
  test.each(["../../etc/cron.d/x", "..", ".", "", "/etc/passwd", "a/../../x", "a//b", "a/./b", "a/"])(
    "that tells of a file %j is not heard",
    async (path) => {
      expect(await collect([{ path }, { path: "good" }])).toMatchObject({ artifacts: [{ name: "good" }], omitted: [] });
      const listed = await new LineFiles(lineOf([{ path }]), () => false).list();
      expect(listed).toEqual([]);
    },
  );

  test("that tells a name twice gives one file", async () => {
    const twice = [
      { path: "a", content: Buffer.from("first") },
      { path: "a", kind: "link" },
      { path: "a", size: 5, content: Buffer.from("other") },
    ];
    const { artifacts, omitted } = await collect(twice);
    expect(artifacts.map(({ name }) => name)).toEqual(["a"]);
    expect(omitted).toEqual([]);
  });

  test("gives no more of a file than it said that there is, nor more than the limit in all", async () => {
    const lie = { path: "a", size: 3, content: Buffer.alloc(60_000, 65) };
    const { artifacts } = await collect([lie, { path: "b", size: 2 ** 40 }, { path: "c", size: -1 }]);
    expect(artifacts.map(({ name, bytes }) => [name, bytes.length])).toEqual([["a", 3]]);
  });

  test.each(["device", "pipe", "socket", "link", "hardlink", "x"])("has no file of kind %s", async (kind) => {
    expect((await collect([{ path: "a", kind }])).artifacts).toEqual([]);
  });

  test("makes no name that a terminal obeys, however it is made of bytes", async () => {
    const { artifacts } = await collect([{ path: Buffer.from("a\u001b[2J\n\0\u009b") }]);
    expect(artifacts.map(({ name }) => name)).toEqual(["a\\x1b[2J\\x0a\\x00\\xc2\\x9b"]);
  });

  test("that floods names is heard for as many as are looked at", async () => {
    const long = "d".repeat(20_000);
    const { omitted } = await collect(
      Array.from({ length: 1000 }, (_, index) => ({ path: `${long}${index}`, kind: "link" })),
    );
    expect(omitted).toHaveLength(100);
    const files = new LineFiles(
      lineOf(Array.from({ length: 2000 }, (_, index) => ({ path: `${long}${index}` }))),
      () => false,
    );
    expect((await files.list()).length).toBeLessThan(200);
  });
});
