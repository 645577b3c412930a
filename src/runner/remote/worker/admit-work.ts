/**
 * What a worker is ready to carry out. A message can ask for exported functions of modules that are registered here, for
 * sandboxed code, and for the programs that the worker's owner has named; everything else is refused.
 */
import type { SandboxConfig } from "../../../model/sandbox.js";
import type { CodeWork, CommandWork, DescribedWork } from "../../../model/work.js";
import type { WorkMessage } from "../messages.js";
import type { ModuleRegistry } from "../modules.js";
import { decodeValue } from "../value-codec.js";

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
  const work = decodeValue(message.work) as CommandWork | CodeWork;
  if (work.kind !== message.kind) return { refused: "the work is of another kind than it says", because: "policy" };
  return work.kind === "command" ? admitCommand(work, policy) : admitCode(work, policy);
}

function admitCommand(work: CommandWork, { commands }: WorkPolicy): AdmittedWork {
  const program = work.options.shell === true ? "/bin/sh" : work.argv[0];
  if (program !== undefined && (commands.includes("*") || commands.includes(program))) return { work };
  const has = commands.join(", ") || "none";
  return {
    refused: `it does not run the command "${program}"; commands that it runs: ${has} (--command)`,
    because: "policy",
  };
}

/** Options of a sandbox that open it to the network or the files of its host. */
const opening = [
  "allowedDomains",
  "packageFolders",
  "onUnsupported",
] as const satisfies readonly (keyof SandboxConfig)[];

function admitCode(work: CodeWork, { signed }: WorkPolicy): AdmittedWork {
  if (signed) return { work };
  const { sandbox = {} } = work;
  const asked = opening.filter((name) => (sandbox[name]?.length ?? 0) > 0).map(String);
  if (sandbox.networkDisabled === false) asked.push("networkDisabled: false");
  if (asked.length === 0) return { work };
  return {
    refused: `it opens a sandbox (${asked.join(", ")}) only for signed messages: set a shared key on both sides`,
    because: "policy",
  };
}
