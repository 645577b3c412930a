/** Puts a coordinator together. */
import type { OpenBackend } from "../../../port/backend.js";
import type { CoordinatorTransportListener } from "../../../port/transport.js";
import { loadEngine } from "../bullmq/connection.js";
import { BullmqCoordinator } from "../bullmq/coordinator-transport.js";
import { DataStore } from "../data/store.js";
import { Envelope } from "../envelope.js";
import { ModuleNames, type ModuleOption } from "../modules.js";
import type { CheckedClusterOptions } from "../options.js";
import { Coordinator } from "./coordinator.js";
import type { CoordinatorCounts } from "./parts.js";

export interface CoordinatorOptions extends CheckedClusterOptions {
  readonly window: number;
  readonly placementMs: number;
  readonly priority: number | undefined;
  readonly localResources: readonly string[];
  readonly modules: readonly ModuleOption[];
  readonly counts: CoordinatorCounts;
}

/** @throws OrchestratorError `PACKAGE_NOT_FOUND` without the packages bullmq and ioredis, `REDIS_UNAVAILABLE` where no server is. */
export async function openCoordinator(options: CoordinatorOptions): Promise<OpenBackend> {
  const engine = await loadEngine();
  const listener: CoordinatorTransportListener = {
    onAnswer: (runId, text) => coordinator.onAnswer(runId, text),
    onTrouble: options.onTrouble,
  };
  const transport = new BullmqCoordinator(engine, options, listener);
  const coordinator = new Coordinator({
    ...options,
    transport,
    envelope: new Envelope(options.key, options.maxMessageBytes),
    modules: new ModuleNames(options.modules),
    data: options.data === undefined ? undefined : new DataStore(options.data),
  });
  await transport.reach();
  return coordinator;
}
