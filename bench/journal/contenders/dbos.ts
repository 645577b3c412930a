/** DBOS Transact: one workflow whose steps are kept in Postgres. `place` is the address of its database. */
import { DBOS } from "@dbos-inc/dbos-sdk";
import type { Contender } from "../measure.js";

const concurrency = 20;

export const contender: Contender = async ({ shape, size, place, began }) => {
  const step = async (): Promise<void> => began();
  const chain = async (): Promise<void> => {
    for (let n = 0; n < size; n++) await DBOS.runStep(step, { name: "step" });
  };
  const fanIn = async (): Promise<void> => {
    // Steps of a workflow are to begin in the same order every time: so a window that moves on by waves.
    for (let n = 0; n < size - 1; n += concurrency) {
      const wave = Array.from({ length: Math.min(concurrency, size - 1 - n) }, () =>
        DBOS.runStep(step, { name: "step" }),
      );
      await Promise.all(wave);
    }
    await DBOS.runStep(step, { name: "all" });
  };
  const workflow = DBOS.registerWorkflow(shape === "chain" ? chain : fanIn, { name: "bench" });
  DBOS.setConfig({ name: "bench", systemDatabaseUrl: place, logLevel: "error", runAdminServer: false } as Parameters<
    typeof DBOS.setConfig
  >[0]);
  await DBOS.launch();
  return {
    run: async () => {
      const handle = await DBOS.startWorkflow(workflow)();
      await handle.getResult();
    },
    close: () => DBOS.shutdown(),
  };
};
