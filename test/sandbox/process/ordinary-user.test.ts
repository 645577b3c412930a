/** Everything about sandboxes once more, in a process that is not root. */
import { test } from "vitest";
import { runAsOrdinaryUser } from "../../attack/as-ordinary-user.js";

const here = "test/sandbox/process";

test.runIf(process.getuid?.() === 0)(
  "limits, languages, honest programs and scenarios, as an ordinary user",
  () =>
    runAsOrdinaryUser(
      `${here}/ordinary-user.suite.ts`,
      `${here}/conformance.test.ts`,
      `${here}/no-false-alarm.test.ts`,
      `${here}/scenarios.test.ts`,
    ),
  580_000,
);
