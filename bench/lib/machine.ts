import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as os from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly system: string;
  readonly node: string;
  readonly date: string;
}

export function thisMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model ?? "unknown",
    cores: os.availableParallelism(),
    memoryGib: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** The version of a peer as installed here. */
export function versionOf(packageName: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(packageName) ?? []) {
    try {
      return (JSON.parse(readFileSync(`${folder}/${packageName}/package.json`, "utf8")) as { version: string }).version;
    } catch {
      // The next folder up.
    }
  }
  return "not installed";
}
