import { configDefaults, defineConfig } from "vitest/config";

/** Holds runs to their time limits in seconds under software emulation: it has the machine to itself, after the others. */
const timed = "test/attack/vm.test.ts";

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2,
    expect: { poll: { timeout: 60_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, timed],
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: "alone", include: [timed], sequence: { groupOrder: 1 } } },
    ],
  },
});
