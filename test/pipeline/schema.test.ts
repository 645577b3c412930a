import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { pipelineJsonSchema } from "#src/pipeline/schema.js";

test("the published JSON Schema is that of the validator (npm run build:schema)", () => {
  const published = readFileSync(new URL("../../pipeline.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(pipelineJsonSchema())));
});
