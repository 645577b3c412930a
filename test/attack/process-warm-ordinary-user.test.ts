import { test } from "vitest";
import { runAsOrdinaryUser } from "./as-ordinary-user.js";

test.runIf(process.getuid?.() === 0)(
  "hostile programs, warm, in a process that is not root",
  () => runAsOrdinaryUser("test/attack/process-warm.suite.ts"),
  580_000,
);
