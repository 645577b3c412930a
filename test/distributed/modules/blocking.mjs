// Loaded by a worker's own process with --import: blocks its event loop when it gets SIGUSR2, as one long computation would.
import { existsSync, writeFileSync } from "node:fs";

process.on("SIGUSR2", () => {
  const { BLOCK_UNTIL: until, BLOCKED: blocked } = process.env;
  writeFileSync(blocked, "");
  while (!existsSync(until));
});
