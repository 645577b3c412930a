/** What the agent of a guest imports is what a guest is given: a file that is forgotten would be a panic at every boot. */
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { agentFiles } from "#src/sandbox/backend/vm/plan.js";

const ours = ["vm/guest", "process/warm/server"]
  .flatMap((folder) => readdirSync(new URL(`../../../src/sandbox/backend/${folder}`, import.meta.url)))
  .filter((name) => name.endsWith(".py"));

test("every module of ours that a file of the agent imports is among its files", () => {
  const files = agentFiles();
  expect(files.has("agent.py")).toBe(true);
  for (const [name, content] of files) {
    const imports = [...String(content).matchAll(/^\s*(?:import|from) (\w+)/gm)].map(([, module]) => `${module}.py`);
    const missing = imports.filter((module) => ours.includes(module) && !files.has(module));
    expect({ name, missing }).toEqual({ name, missing: [] });
  }
});
