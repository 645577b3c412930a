/**
 * Collects what a run left in its working folder, after its last process is dead.
 *
 * Everything here was named and made by hostile code. Folders are opened one by one, each by way of its parent's
 * descriptor and without following a link (`/proc/self/fd/N/name` with O_NOFOLLOW is Node's `openat`), so that no path
 * is ever walked twice. Only regular files are opened for reading, and looked at again after opening. How many entries
 * are looked at, how deep, and how many bytes are kept, is bounded.
 */
import { chmodSync, closeSync, constants, type Dirent, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import type { SandboxArtifact } from "../../../model/sandbox.js";
import type { ArtifactLimits, CollectedArtifacts } from "../../run/files.js";

const deepest = 32;
const mostEntries = 20_000;
const mostOmissions = 100;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * @param scratch descriptor of the folder that holds the working folder.
 * @param ignored names that are nobody's business.
 * @param known content that was laid there: a file that still has it is no artifact.
 */
export function collectArtifacts(
  scratch: number,
  folder: string,
  known: ReadonlyMap<string, Uint8Array>,
  limits: ArtifactLimits,
  ignored?: RegExp,
): CollectedArtifacts {
  const collector = new Collector(known, limits, ignored);
  collector.walk(scratch, Buffer.from(folder), "", 0);
  const omitted = collector.omitted;
  return { artifacts: collector.artifacts, omitted };
}

class Collector {
  readonly artifacts: SandboxArtifact[] = [];
  readonly omitted: { name: string; reason: string }[] = [];
  readonly #known: ReadonlyMap<string, Uint8Array>;
  readonly #limits: ArtifactLimits;
  readonly #ignored: RegExp | undefined;
  #bytesLeft: number;
  #entriesLeft = mostEntries;

  constructor(known: ReadonlyMap<string, Uint8Array>, limits: ArtifactLimits, ignored: RegExp | undefined) {
    this.#ignored = ignored;
    this.#known = known;
    this.#limits = limits;
    this.#bytesLeft = limits.bytes;
  }

  walk(parent: number, name: Buffer, path: string, depth: number): void {
    const folder = openBelow(parent, name, O_DIRECTORY);
    if (folder === undefined) {
      this.#omit(path === "" ? "." : path, "the folder cannot be opened");
      return;
    }
    try {
      for (const entry of entriesOf(folder)) {
        if (this.#entriesLeft-- <= 0) return;
        const entryPath = path === "" ? escapeName(entry.name) : `${path}/${escapeName(entry.name)}`;
        if (this.#ignored?.test(entryPath)) continue;
        if (entry.isDirectory()) this.#enter(folder, entry.name, entryPath, depth + 1);
        else if (entry.isFile()) this.#take(folder, entry.name, entryPath);
        else this.#omit(entryPath, `it is ${kindOf(entry)}`);
      }
      if (this.#entriesLeft === 0) this.#omit("...", `only ${mostEntries} entries are looked at`);
    } finally {
      closeSync(folder);
    }
  }

  #enter(folder: number, name: Buffer, path: string, depth: number): void {
    if (depth > deepest) this.#omit(shorten(path), `it lies deeper than ${deepest} folders`);
    else this.walk(folder, name, path, depth);
  }

  #take(folder: number, name: Buffer, path: string): void {
    const file = openBelow(folder, name, O_NONBLOCK);
    if (file === undefined) {
      this.#omit(path, "it cannot be opened");
      return;
    }
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) {
        this.#omit(path, "it is no regular file");
        return;
      }
      const known = this.#known.get(path);
      if (known !== undefined && known.length === stat.size && Buffer.compare(known, readAll(file, stat.size)) === 0)
        return;
      if (this.artifacts.length >= this.#limits.count) {
        this.#omit(path, `artifactCountLimit is ${this.#limits.count}`);
        return;
      }
      if (stat.size > this.#bytesLeft) {
        this.#omit(path, `its ${stat.size} bytes are more than what artifactLimit leaves`);
        return;
      }
      const bytes = readAll(file, stat.size);
      this.#bytesLeft -= bytes.length;
      this.artifacts.push({ name: path, bytes });
    } finally {
      closeSync(file);
    }
  }

  #omit(name: string, reason: string): void {
    if (this.omitted.length < mostOmissions) this.omitted.push({ name, reason });
  }
}

/** A file or folder by its parent's descriptor, opened without following a link; `undefined` where it cannot be. */
export function openBelow(parent: number, name: Buffer, flags: number): number | undefined {
  const path = Buffer.concat([Buffer.from(`/proc/self/fd/${parent}/`), name]);
  const tryOpen = (openFlags: number) => {
    try {
      return openSync(path, openFlags | O_NOFOLLOW);
    } catch {
      return undefined;
    }
  };
  return tryOpen(O_RDONLY | flags) ?? openAfterChmod(parent, name, flags, tryOpen);
}

/** Where runs have the supervisor's own user, code may have taken its rights away (`chmod 000`), which only root ignores. */
function openAfterChmod(
  parent: number,
  _name: Buffer,
  flags: number,
  tryOpen: (flags: number) => number | undefined,
): number | undefined {
  const O_PATH = 0o10000000;
  const handle = process.getuid?.() === 0 ? undefined : tryOpen(O_PATH | flags);
  if (handle === undefined || parent < 0) return undefined;
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile() && !stat.isDirectory()) return undefined;
    chmodOf(handle, 0o700);
    return openSync(`/proc/self/fd/${handle}`, O_RDONLY | flags);
  } catch {
    return undefined;
  } finally {
    closeSync(handle);
  }
}

function chmodOf(handle: number, mode: number): void {
  // A descriptor of O_PATH cannot be chmodded itself; its name in /proc leads to the very same file.
  chmodSync(`/proc/self/fd/${handle}`, mode);
}

function entriesOf(folder: number): Dirent<Buffer>[] {
  try {
    const entries = readdirSync(`/proc/self/fd/${folder}`, { withFileTypes: true, encoding: "buffer" });
    return entries.sort((left, right) => Buffer.compare(left.name, right.name));
  } catch {
    return [];
  }
}

function readAll(file: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let filled = 0;
  while (filled < size) {
    const read = readSync(file, bytes, filled, size - filled, filled);
    if (read === 0) break;
    filled += read;
  }
  return bytes.subarray(0, filled);
}

function kindOf(entry: Dirent<Buffer>): string {
  if (entry.isSymbolicLink()) return "a symbolic link";
  if (entry.isFIFO()) return "a named pipe";
  if (entry.isSocket()) return "a socket";
  return "a device";
}

/** Text of a name: what is no UTF-8, and control characters, as `\xNN`; a backslash of its own as `\\`. */
export function escapeName(name: Buffer): string {
  const text = name.toString("utf8");
  const isText = Buffer.compare(Buffer.from(text, "utf8"), name) === 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  const odd = /[\u0000-\u001f\u007f-\u009f\\]/gu;
  const hex = (byte: number) => `\\x${byte.toString(16).padStart(2, "0")}`;
  if (isText)
    return text.replace(odd, (found) => (found === "\\" ? "\\\\" : [...Buffer.from(found)].map(hex).join("")));
  return [...name]
    .map((byte) => (byte > 0x1f && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : hex(byte)))
    .join("");
}

function shorten(path: string): string {
  return path.length > 500 ? `${path.slice(0, 500)}...` : path;
}
