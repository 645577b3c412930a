/** Flags of the commands that speak to a cluster. Secrets come from files and the environment, not from the command line. */
import { readFileSync } from "node:fs";
import { parseConnection, type RedisConnection } from "../runner/remote/connection-url.js";
import { parseDataOption } from "../runner/remote/data/options.js";
import type { ClusterOptions } from "../runner/remote/options.js";
import { UsageError } from "./exit-code.js";

export interface ClusterFlags {
  readonly connection?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly queue?: string;
  readonly prefix?: string;
  readonly keyFile?: string;
  readonly data?: string;
  readonly lease?: string;
}

export function clusterOptionsOf(flags: ClusterFlags): ClusterOptions {
  const key = flags.keyFile === undefined ? process.env.ORCHESTRATOR_KEY : read(flags.keyFile).trim();
  return {
    connection: connectionOf(flags),
    ...(flags.queue === undefined ? undefined : { queue: flags.queue }),
    ...(flags.prefix === undefined ? undefined : { prefix: flags.prefix }),
    ...(flags.lease === undefined ? undefined : { lease: flags.lease }),
    ...(key === undefined || key === "" ? undefined : { key }),
    ...(flags.data === undefined ? undefined : { data: parseDataOption(flags.data) }),
  };
}

function connectionOf(flags: ClusterFlags): string | RedisConnection {
  const url = flags.connection ?? process.env.ORCHESTRATOR_REDIS ?? "redis://127.0.0.1:6379";
  if (flags.tlsCa === undefined && flags.tlsCert === undefined && flags.tlsKey === undefined) return url;
  const parsed = parseConnection(url);
  if ("wrong" in parsed) throw new UsageError(`--connection ${parsed.wrong}`);
  return {
    ...parsed.connection,
    tls: {
      ...(flags.tlsCa === undefined ? undefined : { ca: read(flags.tlsCa) }),
      ...(flags.tlsCert === undefined ? undefined : { cert: read(flags.tlsCert) }),
      ...(flags.tlsKey === undefined ? undefined : { key: read(flags.tlsKey) }),
    },
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
