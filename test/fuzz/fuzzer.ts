/**
 * A coverage-guided fuzzer for code of this package, after AFL (Michał Zalewski): inputs are made by mutating those of a
 * corpus, and an input that reaches code which none before it reached joins the corpus.
 *
 * What was reached is read from the engine's own counters (`Profiler.takePreciseCoverage`), which is too slow to ask after
 * each input; so it is asked after a batch, and only a batch that reached something new is gone through one by one. All
 * mutations come from a seed, which a failure names together with the input.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { seededRandom } from "orchestrator-executor/testing";
import { Mutator } from "./mutator.js";

export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with, valid ones above all. */
  readonly seeds: readonly Uint8Array[];
  /** Words of the language, which mutations put in. */
  readonly dictionary?: readonly string[];
  /** Longest input in bytes. Default 4,096. */
  readonly longest?: number;
  /** Inputs in place of each one that is asked for, where the target is slow. Default 1. */
  readonly share?: number;
  /** Part of the path of the files whose coverage guides. */
  readonly covers: string;
  /** Throws where the target does what it must not, whatever the input. */
  readonly check: (input: Buffer) => void;
}

export interface FuzzReport {
  readonly inputs: number;
  /** Inputs in the corpus at the end. */
  readonly corpus: number;
  /** Blocks of the target's code that were reached. */
  readonly blocks: number;
}

const batchSize = 250;

export async function fuzz(target: FuzzTarget, wanted: number, seed: number): Promise<FuzzReport> {
  const inputs = Math.ceil(wanted * (target.share ?? 1));
  const mutator = new Mutator(seededRandom(seed), target.dictionary ?? [], target.longest ?? 4096);
  const coverage = await Coverage.start(target.covers);
  const corpus: Buffer[] = target.seeds.map((bytes) => Buffer.from(bytes));
  try {
    for (const entry of corpus) run(target, entry, seed);
    await coverage.reachedMore();
    for (let done = 0; done < inputs; done += batchSize) {
      const batch = Array.from({ length: Math.min(batchSize, inputs - done) }, () => mutator.next(corpus));
      for (const input of batch) run(target, input, seed);
      if (await coverage.reachedMore()) corpus.push(...(await guilty(target, batch, coverage)));
    }
    return { inputs, corpus: corpus.length, blocks: coverage.blocks };
  } finally {
    await coverage.stop();
  }
}

/** The inputs of a batch that reach what the corpus did not, found by going through it again. */
async function guilty(target: FuzzTarget, batch: readonly Buffer[], coverage: Coverage): Promise<Buffer[]> {
  const news = coverage.takeNews();
  const found: Buffer[] = [];
  for (const input of batch) {
    if (news.size === 0) break;
    target.check(input);
    const reached = await coverage.reached();
    const isNew = reached.filter((block) => news.delete(block)).length > 0;
    if (isNew) found.push(input);
  }
  return found;
}

function run(target: FuzzTarget, input: Buffer, seed: number): void {
  try {
    target.check(input);
  } catch (error) {
    mkdirSync(".out/fuzz", { recursive: true });
    const file = `.out/fuzz/${target.name.replace(/\W+/g, "-")}.input`;
    writeFileSync(file, input);
    const shown = input.subarray(0, 400).toString("latin1");
    throw new Error(
      `${target.name}, seed ${seed}, input of ${input.length} bytes kept in ${file}: ${JSON.stringify(shown)}`,
      {
        cause: error,
      },
    );
  }
}

/** Which blocks of some files have run, by the engine's counters. */
class Coverage {
  readonly #session: Session;
  readonly #part: string;
  readonly #known = new Set<string>();
  #news = new Set<string>();

  private constructor(session: Session, part: string) {
    this.#session = session;
    this.#part = part;
  }

  static async start(part: string): Promise<Coverage> {
    const session = new Session();
    session.connect();
    await session.post("Profiler.enable");
    await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    return new Coverage(session, part);
  }

  get blocks(): number {
    return this.#known.size;
  }

  /** Blocks that have run since this was last asked. */
  async reached(): Promise<string[]> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage");
    const blocks: string[] = [];
    for (const script of result) {
      if (!script.url.includes(this.#part)) continue;
      for (const { ranges } of script.functions)
        for (const range of ranges)
          if (range.count > 0) blocks.push(`${script.scriptId}:${range.startOffset}:${range.endOffset}`);
    }
    return blocks;
  }

  /** Whether blocks have run that never had; they count as known from now on. */
  async reachedMore(): Promise<boolean> {
    this.#news = new Set((await this.reached()).filter((block) => !this.#known.has(block)));
    for (const block of this.#news) this.#known.add(block);
    return this.#news.size > 0;
  }

  takeNews(): Set<string> {
    return this.#news;
  }

  async stop(): Promise<void> {
    await this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }
}
