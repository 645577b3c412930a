/** The shelves of spares, over a launcher whose sandboxes are made, die and are disposed of by hand. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { LaunchRecipe } from "#src/sandbox/recipe.js";
import type { LaunchedSandbox, LaunchOptions, SandboxExit, SandboxLauncher } from "#src/sandbox/run/launched.js";
import { WarmPool } from "#src/sandbox/run/warm-pool.js";

class ScriptedLauncher implements SandboxLauncher<LaunchRecipe> {
  readonly launched: {
    readonly key: string;
    readonly hurried: boolean;
    readonly sandbox: LaunchedSandbox;
    die(): void;
    disposed: boolean;
  }[] = [];
  /** Launches that wait for `finish`, where `held` is set. */
  readonly waiting: (() => void)[] = [];
  held = false;
  failures = 0;
  closed = false;

  async launch(recipe: LaunchRecipe, { hurried = false }: LaunchOptions = {}): Promise<LaunchedSandbox> {
    if (this.held) await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (this.failures > 0) {
      this.failures--;
      throw new Error("refused");
    }
    let die!: (exit: SandboxExit) => void;
    const exited = new Promise<SandboxExit>((resolve) => {
      die = resolve;
    });
    const entry = {
      key: recipe.key,
      hurried,
      die: () => die({ exitCode: 0, signal: null }),
      disposed: false,
    } as never as (typeof this.launched)[number];
    const sandbox = {
      warm: false,
      enforcement: [],
      exited,
      dispose: async () => {
        entry.disposed = true;
        entry.die();
      },
      // biome-ignore lint/suspicious/noExplicitAny: the pool hands the rest on and looks at nothing of it
    } as any as LaunchedSandbox;
    Object.assign(entry, { sandbox });
    this.launched.push(entry);
    return sandbox;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  living(key?: string): number {
    return this.launched.filter((entry) => !entry.disposed && (key === undefined || entry.key === key)).length;
  }
}

const recipe = (key: string) => ({ key }) as LaunchRecipe;
const options = { spares: 2, maximumSpares: 4, idleMs: 60_000 };

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(50);
}

describe("a pool of spares", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("the first launch makes one; the next ones find spares, each of them once", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    expect((await pool.launch(recipe("a"))).warm).toBe(false);
    await settle();
    expect(launcher.launched).toHaveLength(3);
    const [second, third] = [await pool.launch(recipe("a")), await pool.launch(recipe("a"))];
    expect([second.warm, third.warm]).toEqual([true, true]);
    expect(second.exited).toBe(launcher.launched[1]!.sandbox.exited);
    expect(third.exited).toBe(launcher.launched[2]!.sandbox.exited);
    await settle();
    expect(launcher.launched).toHaveLength(5);
    await pool.close();
    expect(launcher.closed).toBe(true);
    // Those that were handed out are their users' to end; the spares are ended.
    expect(launcher.launched.map((entry) => entry.disposed)).toEqual([false, false, false, true, true]);
  });

  test("the next one is begun once the taken one is gone, or after a while, and later where spares are left", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    await pool.launch(recipe("a"));
    await settle();
    const taken = await pool.launch(recipe("a"));
    await settle();
    expect(launcher.launched, "one is left").toHaveLength(3);
    await taken.dispose();
    await vi.advanceTimersByTimeAsync(0);
    expect(launcher.launched, "the taken one is gone").toHaveLength(4);
    await pool.launch(recipe("a"));
    await vi.advanceTimersByTimeAsync(150);
    expect(launcher.launched, "the taken one takes long").toHaveLength(5);
    for (let taking = 0; taking < 2; taking++) await pool.launch(recipe("a"));
    await settle();
    expect(launcher.launched, "none is left").toHaveLength(7);
    await pool.close();
  });

  test("where launches have to wait, more are made at once and in a hurry, until for a moment none has had to", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    const hurried = () => launcher.launched.map((entry) => entry.hurried);
    launcher.held = true;
    const finish = async () => {
      for (const go of launcher.waiting.splice(0)) go();
      await settle();
    };
    const first = pool.launch(recipe("a"));
    await settle();
    expect(launcher.waiting, "nobody knows yet that more will be asked for").toHaveLength(1);
    const second = pool.launch(recipe("a"));
    await settle();
    expect(launcher.waiting, "the second waits too: two are made beside its own").toHaveLength(4);
    const third = pool.launch(recipe("a"));
    await settle();
    expect(launcher.waiting, "it takes one of those, and another is begun").toHaveLength(5);
    await finish();
    await Promise.all([first, second, third]);
    expect(hurried()).toEqual([true, true, true, true, true]);
    // Two are ready now, which says little: they were made because so much was wanted.
    await pool.launch(recipe("a"));
    await vi.advanceTimersByTimeAsync(200);
    await finish();
    expect(hurried()).toEqual([true, true, true, true, true, true]);
    await vi.advanceTimersByTimeAsync(200);
    await pool.launch(recipe("a"));
    await vi.advanceTimersByTimeAsync(200);
    await finish();
    expect(hurried()).toEqual([true, true, true, true, true, true, false]);
    await pool.close();
  });

  test("a spare that died while it waited is never handed out", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    await pool.launch(recipe("a"));
    await settle();
    launcher.launched[1]!.die();
    await settle();
    expect((await pool.launch(recipe("a"))).exited).toBe(launcher.launched[2]!.sandbox.exited);
    expect(launcher.launched[1]!.disposed).toBe(true);
    await pool.close();
  });

  test("the kind used longest ago gives up its spares where there are too many", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    for (const key of ["a", "b", "c"]) {
      launcher.launched.length = launcher.launched.filter((entry) => !entry.disposed).length;
      await pool.launch(recipe(key));
      await settle();
    }
    expect(pool.spareCount).toBeLessThanOrEqual(options.maximumSpares);
    expect((await pool.launch(recipe("c"))).warm).toBe(true);
    expect((await pool.launch(recipe("b"))).warm).toBe(true);
    expect((await pool.launch(recipe("a"))).warm).toBe(false);
    await pool.close();
  });

  test("a kind that nobody asks for gives up its spares after a while", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    await pool.launch(recipe("a"));
    await settle();
    expect(pool.spareCount).toBe(2);
    await vi.advanceTimersByTimeAsync(options.idleMs);
    expect(pool.spareCount).toBe(0);
    expect(launcher.living()).toBe(1);
    await pool.close();
  });

  test("a launch waits for a spare in the making, and makes its own where that fails", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    await pool.launch(recipe("a"));
    launcher.held = true;
    await settle();
    expect(launcher.waiting).toHaveLength(2);
    const launching = pool.launch(recipe("a"));
    await settle();
    launcher.failures = launcher.waiting.length;
    launcher.held = false;
    for (const finish of launcher.waiting.splice(0)) finish();
    expect((await launching).warm).toBe(false);
    await pool.close();
  });

  test("what fails is told to whoever launches", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    launcher.failures = 1;
    await expect(pool.launch(recipe("a"))).rejects.toThrow("refused");
    await pool.close();
  });

  test("without spares nothing is ever started ahead", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, { ...options, spares: 0 });
    await pool.launch(recipe("a"));
    await settle();
    expect(launcher.launched).toHaveLength(1);
    await pool.close();
  });

  test("a spare that comes after the close is ended too", async () => {
    const launcher = new ScriptedLauncher();
    const pool = new WarmPool(launcher, options);
    await pool.launch(recipe("a"));
    launcher.held = true;
    await settle();
    const closing = pool.close();
    for (const finish of launcher.waiting.splice(0)) finish();
    await closing;
    expect(launcher.launched.slice(1).every((entry) => entry.disposed)).toBe(true);
  });
});
