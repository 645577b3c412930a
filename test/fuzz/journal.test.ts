/** Readers of journals against files made to break them; see `each.ts`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, expect } from "vitest";
import { ByteReader, ByteWriter, MalformedBytes } from "#src/journal/bytes.js";
import { decodeValue } from "#src/journal/decode-value.js";
import { encodeValue } from "#src/journal/encode-value.js";
import { readSegmentHeader } from "#src/journal/frame.js";
import { tellRun } from "#src/journal/read-journal.js";
import { decodeRecord, type JournalRecord } from "#src/journal/record.js";
import { readSegment } from "#src/journal/segments.js";
import { OrchestratorError } from "#src/model/error.js";
import { ParallelExecutor, TaskGraph } from "#src/parallel.js";
import { fuzzEach, refusesWith } from "./each.js";
import type { FuzzTarget } from "./fuzzer.js";
import { anyEdits, edited, values } from "./stored.js";

const folder = mkdtempSync(join(tmpdir(), "fuzz-journal-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function encoded(value: unknown): Buffer {
  const writer = new ByteWriter();
  encodeValue(writer, value);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

/** A run of all kinds of records, gone on with once: tasks that fail, are skipped, wait, add others and log. */
async function journalOfARun(): Promise<Buffer> {
  let isUp = false;
  const graph = () => {
    const made = new TaskGraph("fuzzed");
    const first = made.task("a", () => values[0]);
    made.task("b", { first }, ({ first }) => (isUp ? first : Promise.reject(new Error("down"))), {
      retries: { attempts: 2, delay: 0 },
    });
    made.task("c", () => 1, { dependsOn: [first], when: () => "not today" });
    made.task("d", (_inputs, { log }) => log("said"), { name: "kind", trigger: "all-done", dependsOn: ["b"] });
    made.forEach("each", { items: [1, 2] }, ({ item }) => item, { dependsOn: [first] });
    return made;
  };
  for (const _ of [1, 2]) {
    await using executor = new ParallelExecutor();
    const options = { journal: { folder, about: { by: "fuzz" }, maxInlineOutput: 400 }, runId: "run", resume: true };
    await executor.executeTasks(graph(), options);
    isUp = true;
  }
  return readFileSync(join(folder, "run", "000001.journal"));
}

/** Checksums keep nearly every change from the readers behind them: puts the sums and sequence numbers of frames right, as far as there are frames. */
function withRightSums(segment: Buffer): Buffer {
  const bytes = Buffer.from(segment);
  let at = readSegmentHeader(bytes)?.end ?? bytes.length;
  for (let sequence = 0; at + 16 <= bytes.length; sequence++) {
    const length = Math.min(bytes.readUInt32LE(at), bytes.length - at - 16);
    bytes.writeUInt32LE(length, at);
    bytes.writeUInt32LE(sequence, at + 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 16, at + 16 + length)), at + 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 12)), at + 12);
    at += 16 + length;
  }
  return bytes;
}

function refusesAsJournal(action: () => void): OrchestratorError | undefined {
  const error = refusesWith([OrchestratorError], action) as OrchestratorError | undefined;
  if (error !== undefined) expect(error.code).toMatch(/^JOURNAL_(?:DAMAGED|FORMAT|NOT_FOUND)$/);
  return error;
}

const journal = await journalOfARun();
/** The only segment of a journal, as it is read from its file; a million files would be written for hours. */
const place = { file: "000001.journal", segment: 1, firstSequence: 0, isLast: true };
const recordsOf = (bytes: Buffer): string[] => {
  const records: JournalRecord[] = [];
  const error = refusesAsJournal(() => {
    readSegment(bytes, place, (reader) => records.push(decodeRecord(reader)));
  });
  return error === undefined ? records.map((record) => encoded(record).toString("latin1")) : [];
};
const recorded = recordsOf(journal);

const targets: readonly FuzzTarget[] = [
  {
    name: "value of a journal",
    seeds: values.map(encoded),
    covers: "/dist/journal/",
    longest: 20_000,
    check: (input) => {
      let value: unknown;
      if (refusesWith([MalformedBytes], () => (value = decodeValue(new ByteReader(input)))) !== undefined) return;
      // What is written for it means the same.
      const once = encoded(value);
      expect(encoded(decodeValue(new ByteReader(once))).equals(once)).toBe(true);
    },
  },
  {
    name: "records of a journal",
    seeds: [journal],
    covers: "/dist/journal/",
    longest: 20_000,
    check: (input) => {
      const bytes = withRightSums(input);
      const readAll = (read: (reader: ByteReader) => void): void => void readSegment(bytes, place, read);
      refusesAsJournal(() => {
        // No large output is there.
        const run = tellRun(join(folder, "none"), readAll, () => undefined);
        refusesAsJournal(() => void run.results());
        refusesAsJournal(() => void run.events());
      });
    },
  },
  {
    name: "journal with changed bytes",
    seeds: anyEdits,
    covers: "/dist/journal/",
    longest: 60,
    check: (input) => {
      // Nothing is guessed: refused, or as it was, without what was written last.
      const found = recordsOf(edited(journal, input));
      const differs = found.findIndex((record, number) => record !== recorded[number]);
      if (differs >= 0) throw new Error(`record ${differs} is another than was written`);
    },
  },
];

fuzzEach("readers of journals stand", targets);
