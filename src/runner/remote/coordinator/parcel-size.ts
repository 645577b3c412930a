/**
 * How many attempts travel in one parcel. A parcel costs the engine and both sides some 300 microseconds, so attempts
 * that take less than that travel together; long ones travel alone, so that they spread over all workers. How long
 * attempts take is learnt by the name of their task.
 */

/** A parcel's attempts take about so long together, where their durations are known. */
const targetMs = 20;
/** So much work is worth a parcel of its own, though workers be idle. */
const worthwhileMs = 4;
/** What an attempt of unknown duration is taken for: four of them fill a parcel. */
const unknownMs = targetMs / 4;
const shortestMs = 0.05;
const mostAttempts = 200;
const mostCharacters = 1_000_000;
/**
 * A short attempt takes long when its machine is busy, and a long one is never short: so what is learnt follows the
 * shorter ones quickly and the longer ones slowly.
 */
const weightOfShorter = 0.3;
const weightOfLonger = 0.02;

export interface Sized {
  readonly name: string;
  readonly size: number;
}

export class ParcelSizes {
  readonly #durations = new Map<string, number>();

  learn(name: string, ms: number): void {
    const known = this.#durations.get(name);
    if (known === undefined) this.#durations.set(name, ms);
    else this.#durations.set(name, known + (ms - known) * (ms < known ? weightOfShorter : weightOfLonger));
  }

  /**
   * Splits attempts, in order, into parcels for so many slots. A parcel takes room in the window until its last attempt has
   * ended, which may take long: with no more than a slot's part of the window in each, those that wait for their last
   * attempts leave room for whatever the other slots can do.
   */
  split<T extends Sized>(attempts: readonly T[], slots: number, window: number): T[][] {
    const most = Math.min(mostAttempts, Math.max(1, Math.floor(window / Math.max(1, slots))));
    const share = Math.ceil(attempts.length / Math.max(1, slots));
    const parcels = this.#fill(attempts, most, share);
    // A small rest would leave its worker with little to do, and another with much.
    const rest = parcels.at(-1)?.length ?? 0;
    if (parcels.length < 2 || rest * 2 > parcels[0]!.length) return parcels;
    return this.#fill(attempts, Math.ceil(attempts.length / parcels.length), share);
  }

  #fill<T extends Sized>(attempts: readonly T[], most: number, share: number): T[][] {
    const parcels: T[][] = [];
    let sumMs = 0;
    let characters = 0;
    for (const attempt of attempts) {
      const ms = Math.max(shortestMs, this.#durations.get(attempt.name) ?? unknownMs);
      const parcel = parcels.at(-1);
      const full =
        parcel === undefined ||
        parcel.length >= most ||
        sumMs + ms > targetMs ||
        characters + attempt.size > mostCharacters ||
        (parcel.length >= share && sumMs >= worthwhileMs);
      if (full) {
        parcels.push([attempt]);
        sumMs = ms;
        characters = attempt.size;
      } else {
        parcel.push(attempt);
        sumMs += ms;
        characters += attempt.size;
      }
    }
    return parcels;
  }
}
