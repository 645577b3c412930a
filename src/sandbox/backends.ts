/** The backends there are, in the order in which they are tried. Each is loaded when it is first asked for. */
import type { SandboxBackendName } from "../model/sandbox.js";
import type { SandboxBackend } from "./backend.js";

export const backendOrder: readonly SandboxBackendName[] = ["process", "docker", "vm"];

export type BackendMaker = () => Promise<SandboxBackend>;

const makers: ReadonlyMap<SandboxBackendName, BackendMaker> = new Map<SandboxBackendName, BackendMaker>([
  [
    "process",
    async () => {
      const { ProcessBackend } = await import("./backend/process/process-backend.js");
      const { makeWarmSupport } = await import("./backend/process/warm/warm-support.js");
      return new ProcessBackend({ warm: makeWarmSupport });
    },
  ],
]);

export function backendMaker(name: SandboxBackendName): BackendMaker | undefined {
  return makers.get(name);
}
