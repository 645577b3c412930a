/** `orchestrator mcp`: sandboxes as tools of the Model Context Protocol, over standard input and output. */
import { startMcpServer } from "../../mcp/index.js";
import { type ExitCode, exitCode } from "../exit-code.js";
import { type SandboxFlags, sandboxConfigOf } from "../sandbox-flags.js";

export interface McpFlags extends SandboxFlags {
  readonly maxSessions?: number;
}

/** Serves until the client goes away, or this process is asked to end. */
export async function mcp(flags: McpFlags): Promise<ExitCode> {
  const { maxSessions } = flags;
  const server = await startMcpServer({
    sandbox: sandboxConfigOf(flags),
    ...(maxSessions !== undefined && { maxSessions }),
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void server.close());
  await server.closed;
  return exitCode.succeeded;
}
