/** Records come back from bytes as they were, in frames that tell what happened to them. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, MalformedBytes } from "#src/journal/bytes.js";
import { encodeValue } from "#src/journal/encode-value.js";
import { beginFrame } from "#src/journal/frame.js";
import { History } from "#src/journal/history.js";
import {
  decodeRecord,
  encodeOutputFile,
  encodePlain,
  encodeStarted,
  encodeSuccess,
  type JournalRecord,
} from "#src/journal/record.js";
import { readSegments, SegmentWriter } from "#src/journal/segments.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "record-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const natural = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const time = fc.double({ noNaN: true });
const text = fc.string({ unit: "grapheme" });
const usage = fc.record({ cpuSeconds: time, peakBytes: natural }, { requiredKeys: [] });
const facts = fc.constantFrom({ cache: "hit" as const }, { sandbox: { backend: "vm", start: "warm" as const } });
const numbers = fc.array(fc.integer({ min: -1, max: 2 ** 31 - 1 })).map((list) => Int32Array.from(list));
const error = fc.record({ name: text, message: text, code: text, fields: fc.dictionary(text, fc.jsonValue()) });
const attempt = { task: natural, attempt: natural, at: time };
const end = { ...attempt, startedAt: time, readyAt: time, workerId: text };
const kind = <Type extends string>(type: Type) => fc.constant(type);

/** Tasks that depend on any others of them. */
const anyGraph = fc
  .record({
    name: text,
    limits: fc.dictionary(text, time),
    tasks: fc.array(fc.record({ id: text, needs: fc.array(fc.nat(), { maxLength: 3 }), print: fc.nat() })),
    names: fc.array(fc.tuple(natural, text)).map((entries) => new Map(entries)),
    texts: fc.array(text, { minLength: 1 }),
  })
  .map(({ tasks, texts, ...rest }) => {
    const offsets = [0];
    for (const { needs } of tasks) offsets.push(offsets.at(-1)! + needs.length);
    const places = Int32Array.from(tasks, ({ print }) => print % texts.length);
    return {
      type: "graph",
      ...rest,
      ids: tasks.map(({ id }) => id),
      offsets: Int32Array.from(offsets),
      targets: Int32Array.from(tasks.flatMap(({ needs }) => needs.map((need) => need % tasks.length))),
      prints: { texts, work: places, rules: places, constants: places },
    };
  });

/** Any record that can be written. */
const anyRecord = fc.oneof(
  fc.record({ type: kind("attempt-started"), ...attempt, readyAt: time, workerId: text }),
  fc.record(
    {
      type: kind("attempt-succeeded"),
      ...end,
      usage,
      facts,
      output: fc.oneof(
        fc.record({ value: fc.anything({ withMap: true, withDate: true, withBigInt: true }) }),
        fc.record({ file: fc.stringMatching(/^[0-9a-f]{64}$/), bytes: natural }),
      ),
    },
    { requiredKeys: ["type", "task", "attempt", "at", "startedAt", "readyAt", "workerId", "output"] },
  ),
  fc.record({
    type: kind("attempt-failed"),
    ...end,
    outcome: fc.constantFrom("failed", "timed-out", "cancelled", "lost"),
    error,
    reason: fc.constantFrom({ kind: "error" }, { kind: "timeout", scope: "attempt", limitSeconds: 1.5 }),
    retryable: fc.boolean(),
    random: time,
    usage,
    facts,
  }),
  fc.record({ type: kind("retry-scheduled"), task: natural, attempt: natural, retryAt: time }),
  fc.record({
    type: kind("condition-decided"),
    task: natural,
    at: time,
    verdict: fc.constantFrom("run", "skip"),
    error,
  }),
  fc.record({
    type: kind("task-ended"),
    task: natural,
    at: time,
    status: kind("failed"),
    error,
    reason: fc.constant({ kind: "error" }),
  }),
  fc.record({ type: kind("resumed"), at: time, from: numbers, again: numbers, withoutAdditions: numbers }),
  fc.record({ type: kind("attempt-log"), ...attempt, stream: kind("stdout"), text }),
  fc.record({ type: fc.constantFrom("task-suspended", "task-resumed"), task: natural, at: time }),
  fc.record({ type: kind("cancel-requested"), at: time, by: kind("caller"), message: text }),
  fc.record({
    type: kind("tasks-added"),
    parent: natural,
    attempt: natural,
    at: time,
    tasks: fc.array(
      fc.record({
        id: text,
        name: text,
        dependsOn: fc.array(text),
        print: fc.tuple(text, text, text),
        past: kind("again"),
      }),
    ),
  }),
  anyGraph,
  fc.record({
    type: kind("opened"),
    at: time,
    runId: text,
    pid: natural,
    host: text,
    nodeVersion: text,
    durability: kind("process-crash"),
    about: fc.anything({ withMap: true }),
  }),
  fc.record({ type: kind("run-ended"), at: time, duration: time, counts: fc.constant({ succeeded: 1, failed: 0 }) }),
) as fc.Arbitrary<JournalRecord>;

function encode(writer: ByteWriter, record: JournalRecord): void {
  if (record.type === "attempt-started") encodeStarted(writer, record);
  else if (record.type === "attempt-succeeded") {
    const flagsAt = encodeSuccess(writer, record);
    if ("value" in record.output) encodeValue(writer, record.output.value);
    else encodeOutputFile(writer, flagsAt, record.output.file, record.output.bytes);
  } else encodePlain(writer, record);
}

/** A journal of one frame for each list of records. */
function write(batches: readonly (readonly JournalRecord[])[]): void {
  const writer = new SegmentWriter(
    folder,
    readSegments(folder, () => undefined),
    "process-crash",
  );
  const frame = new ByteWriter();
  for (const batch of batches) {
    beginFrame(frame);
    for (const record of batch) encode(frame, record);
    writer.append(frame);
  }
  writer.close();
}

function read(): JournalRecord[] {
  const records: JournalRecord[] = [];
  readSegments(folder, (record) => void records.push(record));
  return records;
}

test("any record comes back as it was", () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 5 }), (records) => {
      const writer = new ByteWriter();
      for (const record of records) encode(writer, record);
      const reader = new ByteReader(Buffer.from(writer.buffer.subarray(0, writer.length)));
      for (const record of records) expect(decodeRecord(reader)).toEqual(record);
      expect(reader.at).toBe(writer.length);
    }),
    { numRuns: 1000 },
  );
});

test("bytes that are no record are told from those that are: nothing but MalformedBytes is thrown", () => {
  const start = fc.integer({ min: 0, max: 16 });
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 80 }), (kindByte, bytes) => {
      const read = (take: (reader: ByteReader) => unknown): void => {
        try {
          take(new ByteReader(Buffer.from([kindByte, ...bytes])));
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(MalformedBytes);
        }
      };
      read(decodeRecord);
      read((reader) => new History().read(reader));
    }),
    { numRuns: 5000 },
  );
});

const started = (task: number): JournalRecord => ({
  type: "attempt-started",
  task,
  attempt: 1,
  at: 1,
  readyAt: 1,
  workerId: "inline",
});
const file = (): string => join(folder, "000001.journal");

describe("what happened to a file", () => {
  test("cut off anywhere: the frames before the cut are read, and writing goes on after them", () => {
    write([[started(1)], [started(2), started(3)], [started(4)]]);
    const whole = readFileSync(file());
    const header = whole.indexOf("\n") + 1;
    const ends = [header + 16 + 0];
    for (let at = header; at < whole.length; ) {
      at += 16 + whole.readUInt32LE(at);
      ends.push(at);
    }
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(file(), whole.subarray(0, length));
      const frames = ends.slice(1).filter((frameEnd) => frameEnd <= length).length;
      const expected = [[], [1], [1, 2, 3], [1, 2, 3, 4]][frames]!;
      expect(read().map((record) => (record as { task: number }).task)).toEqual(expected);
      write([[started(9)]]);
      expect(read().map((record) => (record as { task: number }).task)).toEqual([...expected, 9]);
    }
  });

  test("a bit flipped in any byte but those of the last frame is told, with file and offset; nothing is guessed", () => {
    write([[started(1)], [started(2)], [started(3)]]);
    const whole = readFileSync(file());
    const header = whole.indexOf("\n") + 1;
    const frame = 16 + whole.readUInt32LE(header);
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 1 << (at % 8);
      writeFileSync(file(), changed);
      const place = at < header ? 0 : header + Math.floor((at - header) / frame) * frame;
      if (at >= header + 2 * frame + 16) {
        // The contents of the last frame: as after a failure of power.
        expect(read()).toHaveLength(2);
        continue;
      }
      expect(read, `byte ${at}`).toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^JOURNAL_(DAMAGED|FORMAT)$/),
          message: expect.stringContaining(at < header ? file() : `${file()} at byte ${place}: `),
        }),
      );
    }
  });

  test("zeros at the end, as a file system may leave after a failure of power, are dropped", () => {
    write([[started(1)], [started(2)]]);
    const whole = readFileSync(file());
    writeFileSync(file(), Buffer.concat([whole, Buffer.alloc(5000)]));
    expect(read()).toHaveLength(2);
  });

  test("a file that is missing, and one that ends early with another after it", () => {
    write([[started(1)]]);
    const whole = readFileSync(file());
    const second = Buffer.from(whole.toString("latin1").replace("000001", "000002"), "latin1");
    writeFileSync(join(folder, "000002.journal"), second);
    truncateSync(file(), whole.length - 1);
    expect(read).toThrow(
      expect.objectContaining({ code: "JOURNAL_DAMAGED", message: expect.stringContaining("000001") }),
    );
    rmSync(file());
    expect(read).toThrow(
      expect.objectContaining({ message: expect.stringContaining("000001.journal at byte 0: this file is missing") }),
    );
  });

  test("a newer format is refused with words that say what to do", () => {
    write([[started(1)]]);
    writeFileSync(file(), readFileSync(file(), "latin1").replace("format=1", "format=2"), "latin1");
    expect(read).toThrow(
      expect.objectContaining({
        code: "JOURNAL_FORMAT",
        message: expect.stringMatching(/journal format 2, which a newer orchestrator-executor has written.*update it/),
      }),
    );
  });
});

test.each<[string, object]>([
  ["a graph whose numbers lead nowhere", { offsets: Int32Array.of(0, 1), targets: Int32Array.of(7) }],
  ["a graph without ids", { ids: undefined }],
  ["a graph with prints that are not there", { prints: { texts: [], work: Int32Array.of(0) } }],
])("%s is refused, although its sum is right", (_, wrong) => {
  const place = Int32Array.of(0);
  const right = {
    name: "g",
    limits: {},
    ids: ["a"],
    names: new Map(),
    offsets: Int32Array.of(0, 0),
    targets: new Int32Array(),
  };
  const prints = { texts: ["p"], work: place, rules: place, constants: place };
  const decode = (fields: object) => {
    const writer = new ByteWriter();
    encodePlain(writer, { type: "graph", ...fields } as never);
    return decodeRecord(new ByteReader(Buffer.from(writer.buffer.subarray(0, writer.length))));
  };
  expect(decode({ ...right, prints })).toMatchObject({ ids: ["a"] });
  expect(() => decode({ ...right, prints, ...wrong })).toThrow(
    "has a record of kind graph with fields that are not its own",
  );
});
