import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cli, withFolder } from "./cli.js";

const pipeline = `name: report <b>me</b>
tasks:
  first:
    command: [echo, one]
  second:
    command: [echo, two]
    needs: [first]
`;

describe("report", () => {
  test("tells why a run took as long as it did, and writes a page that asks nothing of anybody", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "pipeline.yaml"), pipeline);
      const options = { cwd: folder };
      const ran = await cli(["run", "pipeline.yaml", "-j", "runs", "--run-id", "one", "--trace", "t.json"], options);
      expect(ran).toMatchObject({ code: 0 });
      const entries = JSON.parse(readFileSync(join(folder, "t.json"), "utf8")) as { ph: string; name: string }[];
      expect(entries.filter(({ ph }) => ph === "X").map(({ name }) => name)).toEqual(["first", "second"]);
      expect(entries.filter(({ ph }) => ph === "s")).toHaveLength(1);

      const told = await cli(["report", "one", "--html", "page.html"], options);
      expect(told).toMatchObject({ code: 0, stderr: "" });
      for (const words of ["What bounded it", "Critical path", "first", "second", "one more:"])
        expect(told.stdout).toContain(words);
      const page = readFileSync(join(folder, "page.html"), "utf8");
      expect(page).toContain("report &lt;b&gt;me&lt;/b&gt;");
      expect(page).not.toMatch(/<b>|https?:|<script|\bsrc=|@import|url\(/);

      const json = JSON.parse((await cli(["report", join("runs", "one"), "--json"], options)).stdout);
      const bounds = json.bounds as { seconds: number }[];
      expect(bounds.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(json.makespan, 6);
    }));

  test("refuses what it cannot read or write", () =>
    withFolder(async (folder) => {
      const options = { cwd: folder };
      expect(await cli(["report", "nothing"], options)).toMatchObject({ code: 2 });
      writeFileSync(join(folder, "pipeline.yaml"), pipeline);
      const refused = await cli(["run", "pipeline.yaml", "--trace", "no/such/folder/t.json"], options);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--trace") });
    }));
});
