/** The functions that a worker was told of, by number: loaded once, each when it is first named. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { OrchestratorError } from "../../model/error.js";

export type LoadedFunction = (inputs: unknown, context: unknown) => unknown;

/**
 * Loading is part of the attempt that is first in need of it: its clock runs, and it can be aborted. The others that
 * need the same function wait unbegun, so that another worker can still have them.
 */
export class FunctionTable {
  readonly #loaded: (LoadedFunction | undefined)[] = [];
  readonly #sources: { readonly module: string; readonly exportName: string }[] = [];
  readonly #waiting: ((() => void)[] | undefined)[] = [];

  register(functionNumber: number, module: string, exportName: string): void {
    this.#sources[functionNumber] = { module, exportName };
  }

  /** The function if it is loaded already: the only question on the way of a warm call. */
  get(functionNumber: number): LoadedFunction | undefined {
    return this.#loaded[functionNumber];
  }

  /** Whether the caller is the one who loads; otherwise `later` is called when that is over, well or badly. */
  beginLoading(functionNumber: number, later: () => void): boolean {
    const waiting = this.#waiting[functionNumber];
    if (waiting === undefined) this.#waiting[functionNumber] = [];
    else waiting.push(later);
    return waiting === undefined;
  }

  endLoading(functionNumber: number): void {
    const waiting = this.#waiting[functionNumber] ?? [];
    this.#waiting[functionNumber] = undefined;
    for (const later of waiting) later();
  }

  /** Loads the function; rejects with `MODULE_NOT_LOADED`. */
  async load(functionNumber: number): Promise<LoadedFunction> {
    const { module, exportName } = this.#sources[functionNumber]!;
    const loaded = await loadFunction(module, exportName);
    this.#loaded[functionNumber] = loaded;
    return loaded;
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
  if (code === "ERR_MODULE_NOT_FOUND" && !existsSync(fileURLToPath(module))) return "there is no such file";
  return error instanceof Error ? error.message : String(error);
}
