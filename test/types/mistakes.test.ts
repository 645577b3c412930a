/** What the compiler says of common mistakes is read by people: in names and types of theirs, not of how ours are made. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runProgram } from "../support/run-program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("the compiler's words for common mistakes", async () => {
  const workshop = join(root, ".out/mistakes");
  mkdirSync(workshop, { recursive: true });
  const config = {
    extends: "../../tsconfig.base.json",
    compilerOptions: { noEmit: true, rootDir: "../..", skipLibCheck: true, exactOptionalPropertyTypes: false },
    include: ["../../test/types/mistakes"],
  };
  writeFileSync(join(workshop, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules/.bin/tsc");
  const { exitCode, stdout } = await runProgram([tsc, "-p", workshop, "--pretty", "false"], { cwd: root });
  expect(exitCode).not.toBe(0);
  expect(stdout).not.toMatch(/InputValues|ResourceValues|NoInfer|Shown</);
  await expect(stdout.replace(/^.*mistakes\.ts\((\d+),\d+\): error /gm, "line $1: ")).toMatchFileSnapshot(
    "mistakes/messages.txt",
  );
});
