import { test } from "vitest";
import { runAsOrdinaryUser } from "../../attack/as-ordinary-user.js";

test.runIf(process.getuid?.() === 0).each(["isolation", "lifetime"])(
  "%s, in a process that is not root",
  (name) => runAsOrdinaryUser(`test/sandbox/warm/${name}.test.ts`),
  300_000,
);
