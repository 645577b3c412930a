/** What a list of allowed domains adds to a sandbox: the proxy's socket, the relay, and the variables that programs look for. */
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidOptionError, type Problem } from "../../model/error.js";
import type { NetworkDenial } from "../../model/sandbox.js";
import type { RecipePart } from "../recipe.js";
import { describeRule, parseDomainRules } from "./domain-rule.js";
import { nodeProxySource } from "./node-proxy.js";
import type { PolicyHooks } from "./policy.js";
import { type EgressLimits, EgressProxy } from "./proxy.js";
import { relaySource } from "./relay.js";

/** Where the proxy is found inside. */
export const insideProxy = {
  port: 3128,
  socket: "/run/network/proxy.sock",
  nodePreload: "/run/network/proxy.cjs",
} as const;

export interface NetworkAttachmentOptions {
  /** Folder for the socket; short, because a socket's path has at most 107 bytes. Default: the system's temporary folder. */
  readonly directory?: string;
  /** Interpreter of the relay, as it is seen inside. Default `/usr/bin/python3`. */
  readonly python?: string;
  readonly limits?: Partial<EgressLimits>;
  /** For tests alone. */
  readonly hooks?: PolicyHooks;
}

/** A part of a recipe that knows what was denied. */
export interface NetworkAttachment extends RecipePart {
  readonly denials: readonly NetworkDenial[];
  readonly proxy: EgressProxy;
  close(): Promise<void>;
}

/**
 * Starts a proxy for one sandbox.
 *
 * @throws InvalidOptionError for entries that are no names with ports.
 */
export async function attachNetwork(
  entries: readonly string[],
  options: NetworkAttachmentOptions = {},
): Promise<NetworkAttachment> {
  const problems: Problem[] = [];
  const rules = parseDomainRules("allowedDomains", entries, problems);
  if (problems.length > 0) throw new InvalidOptionError(problems);
  const directory = await mkdtemp(join(options.directory ?? tmpdir(), "net-"));
  const socketPath = join(directory, `${randomUUID().slice(0, 13)}.sock`);
  const preload = join(directory, "proxy.cjs");
  const { limits, hooks, python = "/usr/bin/python3" } = options;
  let proxy: EgressProxy;
  try {
    // The sandbox's launcher has its own user by the time it binds these; it can walk here and cannot look around.
    await chmod(directory, 0o711);
    await writeFile(preload, nodeProxySource, { mode: 0o644 });
    proxy = await EgressProxy.start({
      rules,
      socketPath,
      ...(limits === undefined ? {} : { limits }),
      ...(hooks === undefined ? {} : { hooks }),
    });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    key: `domains:${rules.map(describeRule).sort().join(",")}`,
    mounts: [
      { type: "socket", source: socketPath, target: insideProxy.socket },
      { type: "read-only", source: preload, target: insideProxy.nodePreload },
    ],
    environment: proxyEnvironment(),
    companions: [[python, "-I", "-S", "-c", relaySource, String(insideProxy.port), insideProxy.socket]],
    waitForPort: insideProxy.port,
    enforcement: [{ limit: "network", by: "proxy", strength: "enforced" }],
    proxy,
    get denials() {
      return proxy.denials;
    },
    async close() {
      await proxy.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The variables that say where the proxy is, in the spellings that programs look for. The sandbox's own loopback is reached directly. */
function proxyEnvironment(): Record<string, string> {
  const proxy = `http://127.0.0.1:${insideProxy.port}`;
  const direct = "localhost,127.0.0.1,::1";
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    NO_PROXY: direct,
    no_proxy: direct,
    NODE_OPTIONS: `--require=${insideProxy.nodePreload}`,
    NODE_USE_ENV_PROXY: "1",
  };
}
