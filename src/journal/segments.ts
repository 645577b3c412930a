/** The segment files of a run: reading them from the first to the last, and appending to the last. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { OrchestratorError } from "../model/error.js";
import type { Durability } from "../port/journal.js";
import { ByteReader, type ByteWriter, MalformedBytes } from "./bytes.js";
import { finishFrame, formatVersion, readFrame, readSegmentHeader, segmentHeader, segmentName } from "./frame.js";
import { decodeRecord, type JournalRecord } from "./record.js";

const segmentForm = /^(\d{6,})\.journal$/;
/** A segment that has grown beyond this is followed by another. */
const largestSegment = 64 * 1024 * 1024;
const sync = promisify(fdatasync);

/** Where a journal ends. */
export interface JournalEnd {
  /** The last segment, from 1; 0 where there is none. */
  readonly segment: number;
  /** Bytes of it that count: what follows is torn. */
  readonly length: number;
  /** Sequence number of the next frame. */
  readonly sequence: number;
}

/**
 * Reads every record, in order.
 * @throws OrchestratorError `JOURNAL_DAMAGED` with file and byte offset, `JOURNAL_FORMAT` for a newer format.
 */
export function readSegments(folder: string, take: (record: JournalRecord) => void): JournalEnd {
  return readFrames(folder, (reader) => take(decodeRecord(reader)));
}

/** The same for who reads records himself: `read` takes one record from the reader. */
export function readFrames(folder: string, read: (reader: ByteReader) => void): JournalEnd {
  const segments = segmentsOf(folder);
  let end: JournalEnd = { segment: 0, length: 0, sequence: 0 };
  segments.forEach((segment, place) => {
    const expected = end.segment + 1;
    if (segment !== expected) throw damaged(join(folder, fileOf(expected)), 0, "this file is missing");
    const file = join(folder, fileOf(segment));
    const isLast = place === segments.length - 1;
    end = readSegment(readFileSync(file), { file, segment, firstSequence: end.sequence, isLast }, read);
  });
  return end;
}

/** What a segment is, besides its bytes. */
export interface SegmentPlace {
  /** For messages. */
  readonly file: string;
  readonly segment: number;
  readonly firstSequence: number;
  readonly isLast: boolean;
}

/** Reads the records of one segment, as `readFrames` does those of all. */
export function readSegment(
  buffer: Buffer,
  { file, segment, firstSequence, isLast }: SegmentPlace,
  read: (reader: ByteReader) => void,
): JournalEnd {
  const header = readSegmentHeader(buffer);
  if (header === undefined || header.segment !== segment) {
    // A process that died as it began the file.
    if (isLast && segmentHeader(segment).subarray(0, buffer.length).equals(buffer))
      return { segment, length: 0, sequence: firstSequence };
    throw damaged(file, 0, "the file does not begin as a journal does");
  }
  if (header.format > formatVersion) throw newerFormat(file, header.format);
  let offset = header.end;
  let sequence = firstSequence;
  for (;;) {
    const found = readFrame(buffer, offset, sequence);
    if (found.kind === "damaged") throw damaged(file, offset, found.detail);
    if (found.kind === "torn" && !isLast) throw damaged(file, offset, "the file ends too early, and another follows");
    if (found.kind !== "frame") return { segment, length: offset, sequence };
    try {
      const reader = new ByteReader(found.payload);
      while (reader.at < reader.end) read(reader);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      throw damaged(file, offset, `the frame here ${error.message}`);
    }
    offset = found.end;
    sequence++;
  }
}

/** Numbers of the segments in a folder, rising. Empty where there is no folder. */
export function segmentsOf(folder: string): number[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
  const numbers = names.flatMap((name) => {
    const match = segmentForm.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
  return numbers.sort((left, right) => left - right);
}

function fileOf(segment: number): string {
  return `${segmentName(segment)}.journal`;
}

function damaged(file: string, offset: number, detail: string): OrchestratorError {
  return new OrchestratorError(
    "JOURNAL_DAMAGED",
    `the journal is damaged: ${file} at byte ${offset}: ${detail}. Nothing of it is used; restore the file from a copy, or start a new run`,
  );
}

function newerFormat(file: string, format: number): OrchestratorError {
  const message = `${file} has journal format ${format}, which a newer orchestrator-executor has written; this one reads formats up to ${formatVersion}: update it`;
  return new OrchestratorError("JOURNAL_FORMAT", message);
}

/** Appends frames. What fails to be written is thrown as it comes; the caller makes it an error of the run. */
export class SegmentWriter {
  readonly #folder: string;
  readonly #durable: boolean;
  #segment: number;
  #sequence: number;
  #length: number;
  #file: number;

  /** Goes on after `end`, without what is torn there. */
  constructor(folder: string, end: JournalEnd, durability: Durability) {
    this.#folder = folder;
    this.#durable = durability === "power-loss";
    this.#segment = Math.max(1, end.segment);
    this.#sequence = end.sequence;
    this.#file = openSync(join(folder, fileOf(this.#segment)), end.segment === 0 ? "wx" : "r+");
    this.#length = end.length;
    ftruncateSync(this.#file, end.length);
    if (end.length === 0) this.#writeHeader();
  }

  /** Writes the frame that the writer holds. Gives a promise where it is not durable yet. */
  append(frame: ByteWriter): Promise<void> | undefined {
    if (this.#length > largestSegment) this.#beginSegment();
    this.#write(finishFrame(frame, this.#sequence++));
    return this.#durable ? sync(this.#file) : undefined;
  }

  close(): void {
    closeSync(this.#file);
  }

  #beginSegment(): void {
    if (this.#durable) fdatasyncSync(this.#file);
    closeSync(this.#file);
    this.#segment++;
    this.#length = 0;
    this.#file = openSync(join(this.#folder, fileOf(this.#segment)), "wx");
    this.#writeHeader();
  }

  #writeHeader(): void {
    this.#write(segmentHeader(this.#segment));
    if (!this.#durable) return;
    fdatasyncSync(this.#file);
    syncFolder(this.#folder);
  }

  #write(bytes: Buffer): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#file, bytes, done, bytes.length - done, this.#length + done);
    this.#length += bytes.length;
  }
}

/** Makes names in a folder durable. */
export function syncFolder(folder: string): void {
  const file = openSync(folder, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
