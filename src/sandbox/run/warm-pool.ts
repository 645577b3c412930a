/**
 * Sandboxes that were started ahead and wait for their job. Each is used once; none is ever put back.
 *
 * A shelf holds the spares of one recipe. A launch takes the oldest, and a new one is begun once the taken one is
 * gone or has had a moment for itself, so that the two do not compete for the processor; where launches have to wait, at
 * once, and without what pays only while a sandbox waits. Shelves that were used longest ago give up
 * their spares first where there are too many in all, and every shelf does after a while without use.
 */

import { keepAliveDuring } from "./keep-alive.js";
import type { LaunchedSandbox, Recipe, SandboxLauncher } from "./launched.js";

export interface WarmPoolOptions {
  /** Spares of each recipe that is in use. */
  readonly spares: number;
  /** Spares of all recipes together: what bounds the memory that waiting takes. */
  readonly maximumSpares: number;
  /** A recipe that was not used for so long gives up its spares. */
  readonly idleMs: number;
}

/** How long a sandbox that was just handed out has the machine to itself before the next spare is begun, unless it ends before. */
const headStartMs = { whileSparesAreLeft: 100, whereNoneIs: 15 };
/** Launches of a recipe in a row that had to wait: from so many on it is wanted faster than it can be made, for a while. */
const waitsOfPressure = 2;
const pressureMs = 250;
/** Sandboxes that are being made ahead at one time. Much of the making is waiting, which under pressure need not be done in turn. */
const maximumInMaking = { usually: 2, underPressure: 4 };

interface Spare {
  /** `undefined` where it could not be made. */
  readonly made: Promise<LaunchedSandbox | undefined>;
  ready: boolean;
}

interface Shelf<Kind extends Recipe> {
  readonly recipe: Kind;
  /** Oldest first. */
  readonly spares: Spare[];
  wanted: number;
  /** Launches in a row that found none ready. */
  waits: number;
  /** By `performance.now()`. */
  pressedUntil: number;
  idle: NodeJS.Timeout | undefined;
}

export class WarmPool<Kind extends Recipe> implements SandboxLauncher<Kind> {
  readonly #launcher: SandboxLauncher<Kind>;
  readonly #options: WarmPoolOptions;
  /** By key, the one used longest ago first. */
  readonly #shelves = new Map<string, Shelf<Kind>>();
  readonly #dead = new WeakSet<LaunchedSandbox>();
  readonly #ending = new Set<Promise<void>>();
  #inMaking = 0;
  #closed = false;

  constructor(launcher: SandboxLauncher<Kind>, options: WarmPoolOptions) {
    this.#launcher = launcher;
    this.#options = options;
  }

  /** Spares there are or are being made. */
  get spareCount(): number {
    let count = 0;
    for (const shelf of this.#shelves.values()) count += shelf.spares.length;
    return count;
  }

  launch(recipe: Kind): Promise<LaunchedSandbox> {
    return keepAliveDuring(() => this.#launch(recipe));
  }

  /** Ends every spare, and the launcher. */
  close(): Promise<void> {
    this.#closed = true;
    for (const shelf of this.#shelves.values()) this.#clear(shelf);
    this.#shelves.clear();
    return keepAliveDuring(async () => {
      await Promise.all(this.#ending);
      await this.#launcher.close();
    });
  }

  async #launch(recipe: Kind): Promise<LaunchedSandbox> {
    const shelf = this.#use(recipe);
    shelf.waits = shelf.spares[0]?.ready === true ? 0 : shelf.waits + 1;
    if (shelf.waits >= waitsOfPressure) shelf.pressedUntil = performance.now() + pressureMs;
    const taking = this.#takeLiving(shelf);
    if (isUnderPressure(shelf)) this.#replenish();
    const spare = await taking;
    const sandbox = spare ?? (await this.#launcher.launch(recipe, { hurried: true }));
    sandbox.setWaiting?.(false);
    const replenish = this.#replenishLater(shelf);
    return handedOut(sandbox, { warm: spare !== undefined || sandbox.warm, onDisposed: replenish });
  }

  async #takeLiving(shelf: Shelf<Kind>): Promise<LaunchedSandbox | undefined> {
    for (let spare = shelf.spares.shift(); spare !== undefined; spare = shelf.spares.shift()) {
      const sandbox = await spare.made;
      if (sandbox === undefined) continue;
      if (!this.#dead.has(sandbox)) return sandbox;
      this.#end(sandbox);
    }
    return undefined;
  }

  /** The shelf of a recipe, now the one used last. */
  #use(recipe: Kind): Shelf<Kind> {
    const shelf = this.#shelves.get(recipe.key) ?? {
      recipe,
      spares: [],
      wanted: 0,
      waits: 0,
      pressedUntil: 0,
      idle: undefined,
    };
    this.#shelves.delete(recipe.key);
    if (!this.#closed) this.#shelves.set(recipe.key, shelf);
    shelf.wanted = this.#options.spares;
    clearTimeout(shelf.idle);
    shelf.idle = setTimeout(() => {
      this.#clear(shelf);
      if (this.#shelves.get(recipe.key) === shelf) this.#shelves.delete(recipe.key);
    }, this.#options.idleMs);
    shelf.idle.unref();
    return shelf;
  }

  /** In a while at the latest; what it gives does it as soon as the caller has heard what came of the last one. */
  #replenishLater(shelf: Shelf<Kind>): () => void {
    const { whileSparesAreLeft, whereNoneIs } = headStartMs;
    const timer = setTimeout(() => this.#replenish(), shelf.spares.length > 0 ? whileSparesAreLeft : whereNoneIs);
    timer.unref();
    return () => {
      clearTimeout(timer);
      setImmediate(() => this.#replenish()).unref();
    };
  }

  /** Begins spares where they are wanted, for the recipe used last first. */
  #replenish(): void {
    if (this.#closed) return;
    for (const shelf of [...this.#shelves.values()].reverse()) {
      const atOnce = isUnderPressure(shelf) ? maximumInMaking.underPressure : maximumInMaking.usually;
      while (shelf.spares.length < shelf.wanted && this.#inMaking < atOnce && this.#makeRoom(shelf))
        shelf.spares.push(this.#begin(shelf));
    }
  }

  #begin(shelf: Shelf<Kind>): Spare {
    const spare: Spare = { made: this.#make(shelf), ready: false };
    void spare.made.then(() => {
      spare.ready = true;
    });
    return spare;
  }

  async #make(shelf: Shelf<Kind>): Promise<LaunchedSandbox | undefined> {
    this.#inMaking++;
    try {
      const sandbox = await this.#launcher.launch(shelf.recipe, { hurried: isUnderPressure(shelf) });
      sandbox.setWaiting?.(true);
      // One that dies while it waits is found dead when it is taken.
      void sandbox.exited.then(() => this.#dead.add(sandbox));
      return sandbox;
    } catch {
      // Whoever launches next tries again and is told why it fails.
      shelf.wanted = 0;
      return undefined;
    } finally {
      this.#inMaking--;
      queueMicrotask(() => this.#replenish());
    }
  }

  /** Whether one more spare may be made for `shelf`, after the shelf used longest ago has given one up if need be. */
  #makeRoom(shelf: Shelf<Kind>): boolean {
    if (this.spareCount < this.#options.maximumSpares) return true;
    for (const other of this.#shelves.values()) {
      if (other === shelf) return false;
      if (other.spares.length === 0) continue;
      other.wanted = 0;
      this.#clear(other);
      return true;
    }
    return false;
  }

  #clear(shelf: Shelf<Kind>): void {
    clearTimeout(shelf.idle);
    shelf.wanted = 0;
    for (const spare of shelf.spares.splice(0)) {
      const ended = spare.made.then((sandbox) => sandbox?.dispose());
      this.#ending.add(ended);
      void ended.finally(() => this.#ending.delete(ended));
    }
  }

  #end(sandbox: LaunchedSandbox): void {
    const ended = sandbox.dispose();
    this.#ending.add(ended);
    void ended.finally(() => this.#ending.delete(ended));
  }
}

function isUnderPressure({ pressedUntil }: { readonly pressedUntil: number }): boolean {
  return performance.now() < pressedUntil;
}

/** The same sandbox, with what is known of it here. */
function handedOut(
  sandbox: LaunchedSandbox,
  { warm, onDisposed }: { readonly warm: boolean; onDisposed(): void },
): LaunchedSandbox {
  const { backend, channel, stdin, stdout, stderr, enforcement, exited } = sandbox;
  return {
    backend,
    channel,
    stdin,
    stdout,
    stderr,
    enforcement,
    exited,
    warm,
    setWaiting: (waiting) => sandbox.setWaiting?.(waiting),
    connectProxy: (socketPath) => sandbox.connectProxy?.(socketPath),
    watchMemory: (onExceeded) => sandbox.watchMemory?.(onExceeded),
    armDeadline: (milliseconds) => sandbox.armDeadline(milliseconds),
    usage: () => sandbox.usage(),
    kill: () => sandbox.kill(),
    files: () => sandbox.files(),
    dispose: () => sandbox.dispose().then(onDisposed),
  };
}
