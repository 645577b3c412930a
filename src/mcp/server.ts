/**
 * Sandboxes for any agent: a server of the Model Context Protocol over standard input and output.
 *
 * One process serves one client; its sessions are the client's and end with it. Nothing but the protocol is ever written to standard
 * output. This module is the only one that loads the protocol's library, and nothing loads this module but the command line.
 */
import { McpServer } from "@modelcontextprotocol/server";
import { type ServeStdioOptions, StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { Checker } from "../model/check.js";
import type { SandboxConfig } from "../model/sandbox.js";
import { formatBytes, formatDurationMs } from "../model/units.js";
import { resolveSandboxConfig } from "../sandbox/config.js";
import type { SandboxAccess } from "./access.js";
import { ClientSessions } from "./sessions.js";
import { registerTools } from "./tools.js";

export interface McpServerOptions {
  /** How each sandbox is locked in; its `timeLimit` is the most that a call may ask for. */
  readonly sandbox?: SandboxConfig;
  /** Sessions at one time. From 1 to 1,000, default 16. */
  readonly maxSessions?: number;
  /** Called with what goes wrong beside the protocol. Default: a line on standard error. */
  readonly onError?: (error: Error) => void;
}

export interface McpServerHandle {
  /** Resolves when the client has gone or `close` was called, and every sandbox is gone too. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves the client at standard input and output until it goes away.
 *
 * @throws InvalidOptionError with everything that is wrong with the options.
 */
export function serveMcp(
  access: SandboxAccess,
  identity: { readonly version: string; readonly languages: readonly [string, ...string[]] },
  options: McpServerOptions = {},
): McpServerHandle {
  const check = new Checker();
  check.object("", options, ["sandbox", "maxSessions", "onError"]);
  const most = check.number("maxSessions", options.maxSessions, { minimum: 1, maximum: 1000, integer: true }, 16);
  check.finish();
  const config = options.sandbox ?? {};
  const { limits, allowedPackages, allowedDomains } = resolveSandboxConfig(config);
  const sessions = new ClientSessions(most);
  const instructions = describe({ ...limits, allowedPackages, allowedDomains, languages: identity.languages });
  const makeServer = () => {
    const server = new McpServer({ name: "orchestrator-executor", version: identity.version }, { instructions });
    registerTools(server, { access, sessions, config, maxTimeMs: limits.timeMs, languages: identity.languages });
    return server;
  };
  return serve(makeServer, options, async () => {
    await sessions.destroyAll();
    await access.close();
  });
}

function serve(makeServer: () => McpServer, options: McpServerOptions, release: () => Promise<void>): McpServerHandle {
  const onerror =
    options.onError ?? ((error: Error) => void process.stderr.write(`orchestrator mcp: ${error.message}\n`));
  const transport = new StdioServerTransport();
  const serving: ServeStdioOptions = { transport, onerror };
  const handle = serveStdio(makeServer, serving);
  let closing: Promise<void> | undefined;
  let resolveClosed: () => void;
  const closed = new Promise<void>((resolve) => {
    resolveClosed = resolve;
  });
  const close = () => {
    closing ??= handle.close().then(release, release).then(resolveClosed);
    return closing;
  };
  process.stdin.once("end", close);
  process.stdin.once("close", close);
  process.stdout.once("error", close);
  return { closed, close };
}

/** What a model should know before it writes code: languages, packages, network, limits. */
function describe(facts: {
  readonly languages: readonly string[];
  readonly allowedPackages: readonly string[];
  readonly allowedDomains: readonly string[];
  readonly timeMs: number;
  readonly memoryBytes: number;
}): string {
  const { allowedPackages: packages, allowedDomains: domains } = facts;
  return [
    `Runs code in sandboxes. Languages: ${facts.languages.join(", ")}.`,
    packages.length === 0
      ? "Only the standard libraries can be imported, and nothing can be installed."
      : `Besides the standard library these can be imported, and nothing can be installed: ${packages.join(", ")}.`,
    domains.length === 0
      ? "There is no network."
      : `Of the network only these can be reached, through the proxy of HTTP_PROXY and HTTPS_PROXY: ${domains.join(", ")}.`,
    `Each run has ${formatDurationMs(facts.timeMs)} and ${formatBytes(facts.memoryBytes)} of memory.`,
    "Files are read and written in the working folder; what a program leaves there comes back with its result.",
  ].join(" ");
}
