/**
 * The files of a sandbox behind a line, asked for one by one over it. The agent walks and reads; which files are artifacts, what
 * they are called and how much is kept is decided here, and everything that it says has a bound.
 */

import type { SandboxArtifact } from "../../model/sandbox.js";
import { escapeName } from "../backend/process/host-artifacts.js";
import type { ArtifactRequest, CollectedArtifacts, ListedFile, SandboxFiles } from "../run/files.js";
import type { Frame } from "./frames.js";

const deepest = 32;
const mostEntries = 20_000;
const mostListed = 10_000;
const mostOmissions = 100;
/** An agent that is well tells this much in a millisecond. */
const slowestBytesPerMs = 8192;
const longestPath = 32_768;
/** Of all names together, as they are kept. */
const mostPathBytes = 8 * 2 ** 20;

const kinds = ["file", "folder", "link", "pipe", "socket", "device", "deep", "closed"] as const;
type Kind = (typeof kinds)[number];

interface Entry {
  /** Bytes of the name, relative to the working folder. */
  readonly path: Buffer;
  /** As a person reads it. */
  readonly name: string;
  readonly kind: Kind;
  readonly size: number;
}

/** The line to the agent, as far as files are asked for over it. */
export interface FileLine {
  send(kind: string, payload: string): void;
  /** Told of the frames `N`, `T` and `D` from now on. */
  listen(listener: (frame: Frame) => void): void;
  /** How long an agent that is well may take to begin with an answer. */
  patienceMs(): number;
  /** Resolves once the partner is no more. */
  readonly ended: Promise<unknown>;
}

const reasons: Readonly<Record<Exclude<Kind, "file" | "folder">, string>> = {
  link: "it is a symbolic link",
  pipe: "it is a named pipe",
  socket: "it is a socket",
  device: "it is a device",
  deep: `it lies deeper than ${deepest} folders`,
  closed: "the folder cannot be opened",
};

export class LineFiles implements SandboxFiles {
  readonly #line: FileLine;
  readonly #isFull: () => boolean;
  /** One question at a time. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(line: FileLine, isFull: () => boolean) {
    this.#line = line;
    this.#isFull = isFull;
  }

  async isFull(): Promise<boolean> {
    return this.#isFull();
  }

  async collect({ limits, known, ignored }: ArtifactRequest): Promise<CollectedArtifacts> {
    const artifacts: SandboxArtifact[] = [];
    const omitted: { name: string; reason: string }[] = [];
    const omit = (name: string, reason: string) => {
      if (omitted.length < mostOmissions)
        omitted.push({ name: name.length > 500 ? `${name.slice(0, 500)}...` : name, reason });
    };
    const walked = await this.#walk();
    if (walked === undefined) return { artifacts, omitted: [{ name: ".", reason: "the guest told no files" }] };
    let bytesLeft = limits.bytes;
    let ignoredFolder: string | undefined;
    for (const { path, name, kind, size } of walked.entries) {
      if (ignoredFolder !== undefined && name.startsWith(ignoredFolder)) continue;
      if (ignored?.test(name)) {
        ignoredFolder = `${name}/`;
        continue;
      }
      if (kind === "folder") continue;
      if (kind !== "file") {
        omit(name, reasons[kind]);
        continue;
      }
      const laid = known.get(name);
      if (laid !== undefined && laid.length === size) {
        const content = await this.#read(path, size);
        if (content !== undefined && Buffer.compare(laid, content) === 0) continue;
      }
      if (artifacts.length >= limits.count) omit(name, `artifactCountLimit is ${limits.count}`);
      else if (size > bytesLeft) omit(name, `its ${size} bytes are more than what artifactLimit leaves`);
      else {
        const bytes = await this.#read(path, size);
        if (bytes === undefined) omit(name, "it cannot be opened");
        else {
          bytesLeft -= bytes.length;
          artifacts.push({ name, bytes });
        }
      }
    }
    if (walked.cut) omit("...", `only ${mostEntries} entries are looked at, and ${mostPathBytes} bytes of names`);
    return { artifacts, omitted };
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    return this.#read(Buffer.from(name), Number.MAX_SAFE_INTEGER);
  }

  async list(): Promise<readonly ListedFile[]> {
    const walked = await this.#walk();
    const files = walked?.entries.filter(({ kind }) => kind === "file").slice(0, mostListed) ?? [];
    return files.map(({ name, size }) => ({ name, size })).sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  async #walk(): Promise<{ readonly entries: readonly Entry[]; readonly cut: boolean } | undefined> {
    const entries: Entry[] = [];
    const told = new Set<string>();
    let pathBytes = 0;
    let isFull = false;
    const answer = await this.#ask(
      { ask: "walk", depth: deepest, entries: mostEntries },
      this.#line.patienceMs(),
      (frame) => {
        if (frame.kind !== "N") return;
        const entry = readEntry(frame.payload);
        if (entry === undefined || isFull || told.has(entry.name)) return;
        pathBytes += entry.path.length + 2 * entry.name.length;
        isFull = entries.length >= mostEntries || pathBytes > mostPathBytes;
        if (isFull) return;
        told.add(entry.name);
        entries.push(entry);
      },
    );
    return answer === undefined ? undefined : { entries, cut: isFull || answer.cut === true };
  }

  /** At most `most` bytes of a file, whatever it has become meanwhile. */
  async #read(path: Buffer, most: number): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    let left = Math.min(most, longestRead);
    const patience = this.#line.patienceMs() + left / slowestBytesPerMs;
    const question = { ask: "read", path: path.toString("base64"), most: left };
    const answer = await this.#ask(question, patience, ({ kind, payload }) => {
      if (kind !== "T") return;
      const kept = payload.subarray(0, left);
      left -= kept.length;
      if (kept.length > 0) chunks.push(Buffer.from(kept));
    });
    return answer?.found === true ? Buffer.concat(chunks) : undefined;
  }

  #ask(
    question: Readonly<Record<string, unknown>>,
    milliseconds: number,
    onFrame: (frame: Frame) => void,
  ): Promise<Record<string, unknown> | undefined> {
    const asked = this.#last.then(async () => {
      let timer: NodeJS.Timeout | undefined;
      const answered = new Promise<Record<string, unknown> | undefined>((resolve) => {
        timer = setTimeout(resolve, milliseconds, undefined);
        this.#line.listen((frame) => {
          if (frame.kind === "D") resolve(readObject(frame.payload));
          else onFrame(frame);
        });
        void this.#line.ended.then(() => resolve(undefined));
        this.#line.send("A", JSON.stringify(question));
      });
      try {
        return await answered;
      } finally {
        clearTimeout(timer);
        this.#line.listen(() => {});
      }
    });
    this.#last = asked;
    return asked;
  }
}

/** More than any disk limit that fits into a guest. */
const longestRead = 2 ** 31;

function readObject(payload: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(payload.toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function readEntry(payload: Buffer): Entry | undefined {
  const { path, kind, size } = readObject(payload) ?? {};
  if (typeof path !== "string" || path.length > longestPath || !kinds.includes(kind as Kind)) return undefined;
  if (!Number.isSafeInteger(size) || (size as number) < 0) return undefined;
  const bytes = Buffer.from(path, "base64");
  const parts = splitPath(bytes).map(escapeName);
  // A folder holds no such names, and whoever writes files down by their names would be led out of his own.
  if (parts.some((part) => part === "" || part === "." || part === "..")) return undefined;
  return { path: bytes, name: parts.join("/"), kind: kind as Kind, size: size as number };
}

function splitPath(path: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let end = path.indexOf(0x2f); end >= 0; end = path.indexOf(0x2f, start)) {
    parts.push(path.subarray(start, end));
    start = end + 1;
  }
  return [...parts, path.subarray(start)];
}
