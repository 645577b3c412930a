/**
 * What a task would carry out, as content: two works of one identity do the same with the same inputs.
 *
 * A module is what its file and its imports contain, and the Node.js that runs it. This process and its workers load a
 * module once, so its identity is taken once; where its files have changed since, nobody knows which of the two a worker
 * runs, and results are not kept.
 */
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, relative, resolve } from "node:path";
import { findProgram } from "../../host/program-path.js";
import { OrchestratorError } from "../../model/error.js";
import type { CodeWork, CommandWork, DescribedWork, ProcessWork, ThreadWork } from "../../model/work.js";
import { FileDigests, type FileStamp } from "./files.js";
import { moduleClosure } from "./module-closure.js";

/** Content to be part of a key, and the files whose change makes it untrue. */
export interface Identity {
  readonly content: unknown;
  readonly stamps: readonly FileStamp[];
}

/** What only those who run the code can tell: interpreter and packages of `code` work. */
export type DescribeCode = (work: CodeWork) => Promise<unknown>;

const engine = ["node", process.version, process.platform, process.arch];
/** Variables that are inherited by default and differ from one person to another without changing what a command does. */
const personal = new Set(["PATH", "HOME", "TMPDIR"]);
const inheritedByDefault = ["LANG", "TZ"];

export class WorkIdentities {
  readonly files = new FileDigests();
  readonly #modules = new Map<string, Promise<Identity>>();
  readonly #describeCode: DescribeCode | undefined;

  constructor(describeCode?: DescribeCode) {
    this.#describeCode = describeCode;
  }

  /** @param filesDeclared whether the task says itself which files it reads. @throws OrchestratorError `NOT_KEYABLE` */
  async of(work: DescribedWork, filesDeclared: boolean): Promise<Identity> {
    switch (work.kind) {
      case "thread":
      case "process":
        return this.#module(work);
      case "command":
        return this.#command(work, filesDeclared);
      case "code":
        return this.#code(work);
      case "batch":
        // Its handler is a function of this process, for which the task has a version.
        return { content: ["batch", work.key], stamps: [] };
    }
  }

  async #module({ kind, module, exportName }: ThreadWork | ProcessWork): Promise<Identity> {
    let known = this.#modules.get(module);
    if (known === undefined) {
      known = this.#readModule(module);
      this.#modules.set(module, known);
      known.catch(() => this.#modules.delete(module));
    }
    const { content, stamps } = await known;
    return { content: [kind, exportName, content, engine], stamps };
  }

  async #readModule(url: string): Promise<Identity> {
    const { files, packages } = await moduleClosure(url);
    const entry = realpathSync(new URL(url));
    const stamps: FileStamp[] = [];
    const digests: Record<string, string> = {};
    // By paths from the module on, so that another checkout of the same code has the same identity.
    for (const file of files) digests[relative(dirname(entry), file)] = await this.files.digest(file, stamps);
    return { content: { name: basename(entry), files: digests, packages }, stamps };
  }

  async #command({ argv, options }: CommandWork<never, unknown>, filesDeclared: boolean): Promise<Identity> {
    const {
      cwd = process.cwd(),
      env = {},
      inheritEnv,
      shell = false,
      stdin,
      output,
      maxOutput,
      onOutputLimit,
      successCodes,
    } = options;
    const folder = resolve(cwd);
    const inherited = (inheritEnv ?? inheritedByDefault).filter((name) => !personal.has(name));
    const variables = Object.fromEntries([
      ...inherited.map((name) => [name, process.env[name]]),
      ...Object.entries(env),
    ]);
    const name = shell ? "/bin/sh" : argv[0]!;
    const program = findProgram(name, { cwd: folder, path: env.PATH ?? process.env.PATH });
    if (program === undefined) throw new OrchestratorError("NOT_KEYABLE", `no program "${name}" is there to be known`);
    const stamps: FileStamp[] = [];
    const read: Record<string, string> = {};
    if (!filesDeclared)
      for (const file of filesNamedBy(argv, folder, shell))
        read[file] = await this.files.digest(resolve(folder, file), stamps);
    const content = {
      argv,
      folder,
      variables,
      program: await this.files.digest(realpathSync(program), stamps),
      read,
      options: [shell, stdin, output, maxOutput, onOutputLimit, successCodes],
    };
    return { content, stamps };
  }

  async #code(work: CodeWork): Promise<Identity> {
    if (this.#describeCode === undefined)
      throw new OrchestratorError(
        "NOT_KEYABLE",
        "nothing here can tell which interpreter and packages would run the code",
      );
    const { language, source, sandbox = {}, options = {} } = work;
    const { warm: _warm, ...walls } = sandbox;
    return { content: { language, source, walls, options, place: await this.#describeCode(work) }, stamps: [] };
  }
}

/** Arguments that name files that are there: scripts and data, as far as a command line shows them. */
function filesNamedBy(argv: readonly string[], folder: string, shell: boolean): string[] {
  const words = shell
    ? argv.flatMap((part) => part.split(/[\s'"=<>|;&()`$]+/))
    : argv.flatMap((part) => [part, part.slice(part.indexOf("=") + 1)]);
  const named = new Set(words.filter((word) => word !== "" && !word.includes("\0")));
  return [...named].filter((word) => {
    const path = resolve(folder, word);
    return existsSync(path) && statSync(path).isFile();
  });
}
