/**
 * What a worker is ready to carry out. A message can ask for exported functions of modules that are registered here, for
 * sandboxed code, and for the programs that the worker's owner has named; everything else is refused.
 */
import type { SandboxConfig } from "../../../model/sandbox.js";
import type { CodeWork, CommandOptions, CommandWork, DescribedWork } from "../../../model/work.js";
import type { WorkMessage } from "../messages.js";
import type { ModuleRegistry } from "../modules.js";
import { readWork } from "./work-schema.js";

export interface WorkPolicy {
  readonly modules: ModuleRegistry;
  /** Programs that `command` tasks may start; `*` for all. */
  readonly commands: readonly string[];
  /** Whether messages are signed, so that what they ask for was asked by a coordinator. */
  readonly signed: boolean;
}

/** The work, or why this worker does not do it: `module` where another version may be elsewhere. */
export type AdmittedWork =
  | { readonly work: DescribedWork }
  | { readonly refused: string; readonly because: "module" | "policy" };

export function admitWork(message: WorkMessage, policy: WorkPolicy): AdmittedWork {
  if ("module" in message) {
    const { kind, module, version, exportName } = message;
    const url = policy.modules.find(module, version);
    if (url !== undefined) return { work: { kind, module: url, exportName } };
    const has = policy.modules.names.join(", ") || "none";
    return { refused: `it does not have the module ${module}@${version}; it has: ${has}`, because: "module" };
  }
  if ("r" in message.work) return { refused: "the work itself is too large", because: "policy" };
  const read = readWork(message.work);
  if ("wrong" in read) return { refused: `the work is not what it should be: ${read.wrong}`, because: "policy" };
  const { work } = read;
  if (work.kind !== message.kind) return { refused: "the work is of another kind than it says", because: "policy" };
  return work.kind === "command" ? admitCommand(work, policy) : admitCode(work, policy);
}

/** Options by which a program that the owner named would do what another program does, or show what the owner's process knows. */
const steering = ["cwd", "env", "inheritEnv"] as const satisfies readonly (keyof CommandOptions)[];

function admitCommand(work: CommandWork, { commands, signed }: WorkPolicy): AdmittedWork {
  const { argv, options } = work;
  const program = options.shell === true ? "/bin/sh" : argv[0];
  if (program === undefined || !(commands.includes("*") || commands.includes(program))) {
    const has = commands.join(", ") || "none";
    return {
      refused: `it does not run the command "${program}"; commands that it runs: ${has} (--command)`,
      because: "policy",
    };
  }
  const asked = steering.filter((name) => !isEmpty(options[name]));
  return signed || asked.length === 0 ? { work } : onlySigned(`it takes ${asked.join(", ")} of a command`);
}

/** Options of a sandbox that open it to the network or the files of its host, or say who builds its walls. */
const opening = [
  "allowedDomains",
  "packageFolders",
  "onUnsupported",
  "docker",
  "vm",
] as const satisfies readonly (keyof SandboxConfig)[];

function admitCode(work: CodeWork, { signed }: WorkPolicy): AdmittedWork {
  const { sandbox = {} } = work;
  const asked = opening.filter((name) => !isEmpty(sandbox[name])).map(String);
  if (sandbox.networkDisabled !== undefined && sandbox.networkDisabled !== true) asked.push("networkDisabled: false");
  return signed || asked.length === 0 ? { work } : onlySigned(`it opens a sandbox (${asked.join(", ")})`);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}

function onlySigned(what: string): AdmittedWork {
  return { refused: `${what} only for signed messages: set a shared key on both sides`, because: "policy" };
}
