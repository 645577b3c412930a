/** The main example, as the README has it run. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cli, examples, withFolder } from "../cli/cli.js";
import { present } from "../support/require-component.js";

test.runIf(present("linux", "bubblewrap", "util-linux", "python"))(
  "the sales pipeline leaves a report, and its flaky task was retried",
  () =>
    withFolder(async (folder) => {
      const file = join(examples, "sales/pipeline.yaml");
      const { code, stdout, stderr } = await cli(["run", file, "-i", `out=${folder}`, "--json"]);
      expect([code, stderr]).toEqual([0, ""]);
      const { outputs, tasks, counts } = JSON.parse(stdout);
      expect(outputs.headline).toBe("2479 films took $261bn from 1995 to 2010; the largest was Avatar");
      expect(counts.succeeded).toBeGreaterThanOrEqual(16);
      expect(tasks["price-index"].attempts).toBe(2);
      const kinds = Object.values(tasks as Record<string, { workerId?: string }>).map(({ workerId }) =>
        workerId?.replace(/-.*/, ""),
      );
      for (const kind of ["inline", "thread", "process", "command", "sandbox"]) expect(kinds).toContain(kind);

      const report = readFileSync(outputs.report, "utf8");
      expect(report.match(/<svg/g)).toHaveLength(6);
      expect(report).not.toMatch(/NaN|undefined|\[object|<script|https?:\/\/(?!www\.w3\.org)/);
      expect(readdirSync(join(folder, "charts")).sort()).toEqual(
        ["budgets", "genres", "pivot", "seasons", "studios", "years"].map((name) => `${name}.svg`),
      );
    }),
);
