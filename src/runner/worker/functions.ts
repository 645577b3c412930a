/** The functions that a worker was told of, by number: loaded once, each when it is first named. */
import { OrchestratorError } from "../../model/error.js";

export type LoadedFunction = (inputs: unknown, context: unknown) => unknown;

export class FunctionTable {
  readonly #loaded: (LoadedFunction | undefined)[] = [];
  readonly #loading: (Promise<LoadedFunction> | undefined)[] = [];

  /** The function if it is loaded already: the only question on the way of a warm call. */
  get(functionNumber: number): LoadedFunction | undefined {
    return this.#loaded[functionNumber];
  }

  register(functionNumber: number, module: string, exportName: string): void {
    const loading = loadFunction(module, exportName);
    this.#loading[functionNumber] = loading;
    loading.then(
      (loaded) => {
        this.#loaded[functionNumber] = loaded;
      },
      // The calls that wait for it are told; the parent registers it anew for the next attempt.
      () => {},
    );
  }

  /** The function once its module is loaded; rejects with `MODULE_NOT_LOADED`. */
  whenLoaded(functionNumber: number): Promise<LoadedFunction> {
    return this.#loading[functionNumber]!;
  }
}

async function loadFunction(module: string, exportName: string): Promise<LoadedFunction> {
  let exports: Record<string, unknown>;
  try {
    exports = await import(module);
  } catch (error) {
    throw new OrchestratorError("MODULE_NOT_LOADED", `cannot load ${module}: ${whyNotLoaded(error, module)}`, {
      cause: error,
    });
  }
  const found = exports[exportName] ?? (exports.default as Record<string, unknown> | undefined)?.[exportName];
  if (typeof found === "function") return found as LoadedFunction;
  const names = Object.keys(exports).join(", ") || "none";
  const what = found === undefined ? `has no export "${exportName}"` : `exports "${exportName}", which is no function`;
  throw new OrchestratorError("MODULE_NOT_LOADED", `${module} ${what}; its exports: ${names}`);
}

function whyNotLoaded(error: unknown, module: string): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === "ERR_UNKNOWN_FILE_EXTENSION" && /\.[cm]?tsx?$/.test(module)) {
    return (
      `Node ${process.versions.node} does not load TypeScript by itself (22.18 and later do): compile it first, ` +
      "or start Node with `--import tsx`, which workers inherit"
    );
  }
  return error instanceof Error ? error.message : String(error);
}
