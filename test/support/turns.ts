/**
 * Lets promises and runs go on until nothing is left for them to do now: many turns of the event loop, because on a busy
 * machine a run lets other work have its turn between its own steps.
 */
export async function turns(): Promise<void> {
  for (let count = 0; count < 25; count++) await new Promise((resolve) => setImmediate(resolve));
}
