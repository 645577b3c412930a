/** `startMcpServer`: what `orchestrator mcp` does. Loaded by that command only. */
import { readFileSync } from "node:fs";
import { OrchestratorError } from "../model/error.js";
import { SandboxManager } from "../sandbox/sandbox-manager.js";
import { type McpServerHandle, type McpServerOptions, serveMcp } from "./server.js";

export type { McpServerHandle, McpServerOptions } from "./server.js";

/**
 * Serves sandboxes to the client at standard input and output, until it goes away.
 *
 * @throws InvalidOptionError for options that are out of range or unknown.
 * @throws OrchestratorError `SANDBOX_FAILURE` where this host can make no sandbox.
 */
export async function startMcpServer(options: McpServerOptions = {}): Promise<McpServerHandle> {
  const manager = new SandboxManager({ maxSessions: 1000 });
  try {
    return serveMcp(manager, { version: ownVersion(), languages: await languagesOf(manager) }, options);
  } catch (error) {
    await manager.close();
    throw error;
  }
}

/** The languages that some backend of this host runs. */
async function languagesOf(manager: SandboxManager): Promise<[string, ...string[]]> {
  const backends = (await manager.capabilities()).filter(({ available }) => available);
  const known = backends.flatMap(({ languages }) => languages.filter(({ missing }) => missing === undefined));
  const [first, ...others] = new Set(known.map(({ language }) => language));
  if (first !== undefined) return [first, ...others];
  throw new OrchestratorError(
    "SANDBOX_FAILURE",
    'no sandbox can be made here; "orchestrator doctor" says what is missing',
  );
}

function ownVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
