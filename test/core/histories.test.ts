import { describe, expect, test } from "vitest";
import { runHistory } from "./history.js";

const histories = Number(process.env.HISTORIES ?? 100_000);
const firstSeed = Number(process.env.FIRST_SEED ?? 1);

describe("random histories of the scheduler", () => {
  test(`${histories} histories keep order, limits and exactly one end, and drain`, { timeout: 600_000 }, () => {
    for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
      try {
        runHistory(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: run with FIRST_SEED=${seed} HISTORIES=1`, { cause: error });
      }
    }
  });

  test("the same seed gives the same effects", () => {
    for (let seed = 1; seed <= 500; seed++) expect(runHistory(seed).effects).toEqual(runHistory(seed).effects);
  });

  test("every way to end happens", () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 500; seed++) for (const status of runHistory(seed).statuses.values()) seen.add(status);
    expect([...seen].sort()).toEqual(["cancelled", "failed", "skipped", "succeeded", "timedOut"]);
  });
});
