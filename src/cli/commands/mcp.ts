/** `orchestrator mcp`: sandboxes as tools of the Model Context Protocol, over standard input and output. */
import { serveMcp } from "../../mcp/server.js";
import { languageNames } from "../../sandbox/language.js";
import { SandboxManager } from "../../sandbox/sandbox-manager.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { packageVersion } from "../package-version.js";
import { type SandboxFlags, sandboxConfigOf } from "../sandbox-flags.js";

export interface McpFlags extends SandboxFlags {
  readonly maxSessions?: number;
}

/** Serves until the client goes away, or this process is asked to end. */
export async function mcp(flags: McpFlags): Promise<ExitCode> {
  const sandbox = sandboxConfigOf(flags);
  const { maxSessions } = flags;
  const manager = new SandboxManager({ defaults: sandbox, ...(maxSessions !== undefined && { maxSessions }) });
  const identity = { version: packageVersion(), languages: languageNames() as [string, ...string[]] };
  const server = serveMcp(manager, identity, { sandbox, ...(maxSessions !== undefined && { maxSessions }) });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
  await server.closed;
  return exitCode.succeeded;
}
