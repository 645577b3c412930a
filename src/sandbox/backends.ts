/** The backends there are, in the order in which they are tried. Each is loaded when it is first asked for. */
import type { SandboxBackendName } from "../model/sandbox.js";
import type { SandboxBackend } from "./backend.js";
import type { ResolvedWarmOptions } from "./warm-options.js";

export const backendOrder: readonly SandboxBackendName[] = ["process", "docker", "vm"];

/** What concerns a backend as a whole rather than one sandbox of it. */
export interface BackendSettings {
  readonly warm: ResolvedWarmOptions;
}

export type BackendMaker = (settings: BackendSettings) => Promise<SandboxBackend>;

const makers: ReadonlyMap<SandboxBackendName, BackendMaker> = new Map<SandboxBackendName, BackendMaker>([
  [
    "process",
    async ({ warm }) => {
      const { ProcessBackend } = await import("./backend/process/process-backend.js");
      const { makeWarmSupport } = await import("./backend/process/warm/warm-support.js");
      return new ProcessBackend({ warm: (cold) => makeWarmSupport(cold, warm) });
    },
  ],
  [
    "docker",
    async ({ warm }) => {
      const { DockerBackend } = await import("./backend/docker/docker-backend.js");
      return new DockerBackend(warm);
    },
  ],
  [
    "vm",
    async ({ warm }) => {
      const { VmBackend } = await import("./backend/vm/vm-backend.js");
      return new VmBackend(warm);
    },
  ],
]);

export function backendMaker(name: SandboxBackendName): BackendMaker | undefined {
  return makers.get(name);
}
