/**
 * Chooses a backend by what the host can enforce: the first, in the order process, docker, vm (the fastest first), that
 * is available, has the isolation and holds every limit that was asked for. Nothing ever falls back to a weaker wall: where none can, the error names the
 * limit, the reason and the remedy of the first backend that is available at all.
 */
import { OrchestratorError } from "../model/error.js";
import { type SandboxBackendName, UnsupportedLimitError } from "../model/sandbox.js";
import type { BackendCapabilities, BackendReport, SandboxBackend } from "./backend.js";
import { type BackendSettings, backendMaker, backendOrder } from "./backends.js";
import type { ResolvedSandboxConfig } from "./config.js";

export class BackendChooser {
  readonly #settings: BackendSettings;
  readonly #made = new Map<SandboxBackendName, Promise<SandboxBackend>>();

  constructor(settings: BackendSettings) {
    this.#settings = settings;
  }

  /** The backend of a name, made once; `undefined` where there is none of this name. */
  named(name: SandboxBackendName): Promise<SandboxBackend> | undefined {
    const known = this.#made.get(name);
    if (known !== undefined) return known;
    const make = backendMaker(name);
    if (make === undefined) return undefined;
    const made = make(this.#settings);
    this.#made.set(name, made);
    return made;
  }

  /**
   * @throws UnsupportedLimitError where a limit that was asked for is held by none.
   * @throws OrchestratorError `SANDBOX_FAILURE` where no backend is available.
   */
  async choose(config: ResolvedSandboxConfig): Promise<SandboxBackend> {
    const names = config.runtime === "auto" ? backendOrder : [config.runtime];
    const failures: Error[] = [];
    for (const name of names) {
      const backend = await this.named(name);
      if (backend === undefined) continue;
      try {
        await backend.check(config);
        return backend;
      } catch (error) {
        failures.push(error as Error);
      }
    }
    const limit = failures.find((failure) => failure instanceof UnsupportedLimitError);
    if (limit !== undefined) throw limit;
    if (failures.length === 1) throw failures[0]!;
    const reasons = failures.map((failure) => failure.message).join("\n");
    throw new OrchestratorError("SANDBOX_FAILURE", `no sandbox backend is available here:\n${reasons}`);
  }

  /** What each backend can do here, which one `config` comes to, and why the others were passed over. */
  async report(config: ResolvedSandboxConfig): Promise<BackendReport[]> {
    const chosen = await this.choose(config).then(
      (backend) => backend.name,
      () => undefined,
    );
    const reports = backendOrder.map(async (name): Promise<BackendReport | undefined> => {
      const backend = await this.named(name);
      if (backend === undefined) return undefined;
      const capabilities = await backend.capabilities(config);
      if (name === chosen) return { ...capabilities, chosen: true };
      return { ...capabilities, chosen: false, passedOver: await passedOver(backend, capabilities, config, chosen) };
    });
    return (await Promise.all(reports)).filter((report) => report !== undefined);
  }

  /** Backends that were made so far, without making more. */
  made(): Promise<SandboxBackend>[] {
    return [...this.#made.values()];
  }

  async close(): Promise<void> {
    const made = this.made();
    this.#made.clear();
    await Promise.all(made.map(async (backend) => (await backend).close()));
  }
}

async function passedOver(
  backend: SandboxBackend,
  { reason }: BackendCapabilities,
  config: ResolvedSandboxConfig,
  chosen: SandboxBackendName | undefined,
): Promise<string> {
  if (config.runtime !== "auto" && config.runtime !== backend.name) return `runtime is "${config.runtime}"`;
  if (reason !== undefined) return reason;
  try {
    await backend.check(config);
  } catch (error) {
    return (error as Error).message;
  }
  return `${chosen} is faster and holds all that is asked for`;
}
