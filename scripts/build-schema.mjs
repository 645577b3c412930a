// Writes pipeline.schema.json from the validator's own source. Run after `npm run build`; a test checks that it is current.
import { writeFileSync } from "node:fs";
import { pipelineJsonSchema } from "../dist/pipeline/schema.js";

const file = new URL("../pipeline.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`);
