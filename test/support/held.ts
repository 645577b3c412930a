/** A task that a test releases by hand. */
export class Held {
  started = 0;
  running = 0;
  peak = 0;
  readonly #release: (() => void)[] = [];

  readonly run = (): Promise<string> =>
    new Promise((resolve) => {
      this.started++;
      this.running++;
      this.peak = Math.max(this.peak, this.running);
      this.#release.push(() => {
        this.running--;
        resolve("held");
      });
    });

  releaseOne(): void {
    this.#release.shift()?.();
  }
}
