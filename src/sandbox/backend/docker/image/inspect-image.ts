/**
 * What an image has: its interpreters, and its packages as a skeleton of their folders on this machine (names, and the
 * content of what describes a package), over which the same resolver makes views that makes them of this machine's own.
 *
 * An image is asked by a program in a container of it, as locked as any; what it says is bounded and laid only below a
 * folder of its own.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { OrchestratorError } from "../../../../model/error.js";
import type { PythonEnvironment } from "../../../packages/python/environment.js";
import { DaemonError, type DockerClient } from "../client/client.js";
import { containerSpec } from "../container-spec.js";
import { runToEnd } from "../run/run-to-end.js";
import { makeSkeleton, removeSkeleton } from "./skeletons.js";

export interface ImageInterpreter {
  readonly path: string;
  readonly version: string;
}

export interface ImageFacts {
  readonly id: string;
  /** By language; those that the image lacks are absent. */
  readonly interpreters: ReadonlyMap<string, ImageInterpreter>;
  /** Folders of packages of all languages, as paths in the image. */
  readonly packageFolders: readonly string[];
  /** Where the image's root would be, on this machine. */
  readonly skeleton: string;
  /** Absent without Python. */
  readonly python?: PythonEnvironment;
}

const program = readFileSync(fileURLToPath(new URL("../agent/inspect.pl", import.meta.url)), "utf8");
const mostBytes = 256 * 2 ** 20;
const limits = {
  memoryBytes: 512 * 2 ** 20,
  cpuQuotaMicros: 200_000,
  processes: 32,
  fileSizeBytes: 2 ** 20,
  openFiles: 256,
  diskBytes: 2 ** 20,
  inodes: 64,
};

export interface InspectionSettings {
  readonly folders: readonly string[];
  readonly seccomp: string;
  readonly countsInodes: boolean;
}

/** @throws OrchestratorError `SANDBOX_FAILURE` for an image without Perl, or one that cannot be asked. */
export async function inspectImage(
  client: DockerClient,
  image: { readonly id: string; readonly name: string },
  settings: InspectionSettings,
): Promise<ImageFacts> {
  const skeleton = makeSkeleton();
  try {
    return await askImage(client, image, skeleton, settings);
  } catch (error) {
    removeSkeleton(skeleton);
    throw error;
  }
}

async function askImage(
  client: DockerClient,
  image: { readonly id: string; readonly name: string },
  skeleton: string,
  { folders, seccomp, countsInodes }: InspectionSettings,
): Promise<ImageFacts> {
  const answers = new Map<string, string>();
  const found: string[] = [];
  const spec = containerSpec({
    image: image.id,
    command: ["/usr/bin/perl", "-e", program, ...folders],
    environment: { LC_ALL: "C.UTF-8", PATH: "/usr/local/bin:/usr/bin:/bin" },
    limits,
    processesOfTheWall: 0,
    volumes: [],
    mounts: [],
    shareNetwork: false,
    seccomp,
    countsInodes,
    runtime: undefined,
  });
  const reader = new RecordReader((kind, name, content) => {
    if (kind === "i") answers.set(name, content.toString("utf8"));
    else if (isPlainPath(name)) {
      lay(skeleton, kind, name, content);
      if (kind === "d" && /\/(?:(?:site|dist)-packages|node_modules|nodejs)$/.test(name)) found.push(name);
    }
  });
  let words: string;
  try {
    words = (await runToEnd(client, spec, { onOutput: (chunk) => reader.push(chunk) })).complaints;
  } catch (error) {
    if (!(error instanceof DaemonError)) throw error;
    const needs = error.message.includes("/usr/bin/perl")
      ? "; it needs /usr/bin/perl, which images of Debian and Ubuntu have"
      : "";
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      `the image ${image.name} cannot be asked what it has: ${error.message}${needs}`,
      { cause: error },
    );
  }
  if (!reader.complete)
    throw new OrchestratorError(
      "SANDBOX_FAILURE",
      `the image ${image.name} did not say what it has: ${words.trim().slice(-1000)}`,
    );
  return { id: image.id, skeleton, ...factsOf(answers, skeleton, found, folders) };
}

function factsOf(
  answers: ReadonlyMap<string, string>,
  skeleton: string,
  found: readonly string[],
  extra: readonly string[],
): Omit<ImageFacts, "id" | "skeleton"> {
  const interpreters = new Map<string, ImageInterpreter>();
  // Nested ones are their packages' own.
  const packageFolders = found.filter((path) => !found.some((other) => path.startsWith(`${other}/`)));
  const node = /^(\S+)\nv(\d+)\.(\d+\.\d+)/.exec(answers.get("javascript") ?? "");
  if (node !== null && Number(node[2]) >= 18)
    interpreters.set("javascript", { path: node[1]!, version: `${node[2]}.${node[3]}` });
  const bash = /^(\S+)\n.*version (\S+?)\(/.exec(answers.get("bash") ?? "");
  if (bash !== null) interpreters.set("bash", { path: bash[1]!, version: bash[2]! });
  const told = readPython(answers.get("python"));
  if (told === undefined) return { interpreters, packageFolders };
  const { path, version, sites, markers } = told;
  interpreters.set("python", { path, version });
  const inSkeleton = (folder: string) => join(skeleton, folder);
  const isThere = (folder: string) => found.includes(folder);
  const searched = [...extra.filter((folder) => !folder.endsWith("/node_modules")), ...sites].filter(isThere);
  const python: PythonEnvironment = {
    interpreter: path,
    siteDirectories: [...new Set(searched)].map(inSkeleton),
    ownSites: sites.map(inSkeleton),
    markers,
    dpkgDirectory: inSkeleton("/var/lib/dpkg"),
    root: skeleton,
  };
  return { interpreters, packageFolders, python };
}

interface ToldPython {
  readonly path: string;
  readonly version: string;
  readonly sites: readonly string[];
  readonly markers: PythonEnvironment["markers"];
}

function readPython(answer: string | undefined): ToldPython | undefined {
  try {
    const told = JSON.parse(answer ?? "") as ToldPython;
    const [major, minor] = told.version.split(".").map(Number);
    const isSupported = major === 3 && minor! >= 8 && isPlainPath(told.path) && told.sites.every(isPlainPath);
    return isSupported ? told : undefined;
  } catch {
    return undefined;
  }
}

function isPlainPath(path: string): boolean {
  return /^(?:\/[^/\0]{1,255}){1,64}$/.test(path) && !/\/\.{1,2}(?:\/|$)/.test(path);
}

/** A list of a package's files names them by their paths in the image, and is to name them by those in the skeleton. */
function lay(skeleton: string, kind: string, name: string, content: Buffer): void {
  const path = join(skeleton, name);
  if (kind === "d") {
    mkdirSync(path, { recursive: true });
    return;
  }
  mkdirSync(dirname(path), { recursive: true });
  const isList = name.startsWith("/var/lib/dpkg/info/");
  writeFileSync(
    path,
    isList ? content.toString("latin1").replace(/^\//gm, `${skeleton}/`) : content,
    isList ? "latin1" : undefined,
  );
}

/** See agent/inspect.pl. */
class RecordReader {
  complete = false;
  readonly #onRecord: (kind: string, name: string, content: Buffer) => void;
  #pending: Buffer[] = [];
  #bytes = 0;
  #wanted = 1;
  #received = 0;

  constructor(onRecord: (kind: string, name: string, content: Buffer) => void) {
    this.#onRecord = onRecord;
  }

  push(chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#received > mostBytes) throw new RangeError("the image said more than any image has to say");
    this.#pending.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wanted) return;
    let rest = Buffer.concat(this.#pending);
    for (;;) {
      this.#wanted = rest.length + 1;
      const head = /^([a-z]) (\d{1,9}) (\d{1,9})\n/.exec(rest.toString("latin1", 0, 24));
      if (head === null) break;
      const start = head[0].length;
      const [nameEnd, end] = [start + Number(head[2]), start + Number(head[2]) + Number(head[3])];
      if (rest.length < end) {
        this.#wanted = end;
        break;
      }
      if (head[1] === "z") this.complete = true;
      else this.#onRecord(head[1]!, rest.toString("utf8", start, nameEnd), Buffer.from(rest.subarray(nameEnd, end)));
      rest = rest.subarray(end);
    }
    this.#pending = [rest];
    this.#bytes = rest.length;
  }
}
