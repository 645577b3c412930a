import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadPipeline } from "#src/pipeline/load.js";
import { PipelineError } from "#src/pipeline/problem.js";

/** Each file here is wrong in its own way; what is said of it stands beside it, and is part of the product. */
const folder = fileURLToPath(new URL("golden/", import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

function messageOf(file: string): string {
  try {
    loadPipeline(join(folder, file));
  } catch (error) {
    expect(error).toBeInstanceOf(PipelineError);
    expect((error as PipelineError).code).toBe("INVALID_PIPELINE");
    return `${(error as PipelineError).message.replaceAll(folder, "").replaceAll(join(folder, ".."), "..")}\n`;
  }
  throw new Error(`${file} was taken as right`);
}

describe("what is said of files that are wrong", () => {
  test.each(files)("%s", async (file) => {
    await expect(messageOf(file)).toMatchFileSnapshot(join(folder, file.replace(/yaml$/, "txt")));
  });

  test("a file that is not there", () => {
    expect(() => loadPipeline("nowhere.yaml")).toThrow("nowhere.yaml\n  there is no such file");
  });

  test("a folder", () => {
    expect(() => loadPipeline(folder)).toThrow("is a folder; name the pipeline file in it");
  });
});
