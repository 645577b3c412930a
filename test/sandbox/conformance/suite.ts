/**
 * The conformance suite: one contract, every backend.
 *
 * A backend runs it by describing itself (`backend-under-test.ts`) and calling the chapters from test files of its own, so
 * that they can run beside each other:
 *
 *     // test/sandbox/docker/conformance.test.ts
 *     describe.runIf(present("docker"))("docker", () => describeConformance(dockerUnderTest));
 *
 *     // test/attack/docker.test.ts
 *     describeAttacks(dockerUnderTest);
 *
 * Chapters: `languages.ts` (results, values, files, artifacts, streaming), `limits.ts` (limits and verdicts), `sessions.ts`,
 * `packages.ts`, `network.ts`, `hostile-clients.ts`, `cancellation.ts`, `isolation.ts` (runs share nothing; crowds), `supervisors.ts` (sweeping
 * after a killed supervisor), and the hostile programs of `../../attack/catalogue.ts`. Cold and warm starts are the same
 * contract: chapters that can tell them apart run for both.
 *
 * A new promise to users is a test here, not in a backend's folder. What a backend truly cannot do is a field of its
 * description and a line of the table in docs/sandboxes.md, and nothing else.
 */
import { afterAll, beforeAll, describe } from "vitest";
import type { BackendUnderTest } from "./backend-under-test.js";
import { describeCancellation } from "./cancellation.js";
import { describeHostileClients } from "./hostile-clients.js";
import { describeIsolation } from "./isolation.js";
import { describeLanguages } from "./languages.js";
import { describeLimits } from "./limits.js";
import { describeNetwork } from "./network.js";
import { describePackages } from "./packages.js";
import { describeSessions } from "./sessions.js";
import { describeSupervisors } from "./supervisors.js";

export const chapters = {
  "languages, cold": (backend) => describeLanguages(backend, false),
  "languages, warm": (backend) => describeLanguages(backend, true),
  limits: describeLimits,
  sessions: describeSessions,
  packages: describePackages,
  network: describeNetwork,
  "hostile clients": describeHostileClients,
  "cancellation, cold": (backend) => describeCancellation(backend, false),
  "cancellation, warm": (backend) => describeCancellation(backend, true),
  "isolation, cold": (backend) => describeIsolation(backend, false),
  "isolation, warm": (backend) => describeIsolation(backend, true),
  supervisors: describeSupervisors,
} as const satisfies Readonly<Record<string, (backend: BackendUnderTest) => void>>;

/** Describes the chapters of these names, all of them by default. Call it where tests are described. */
export function describeConformance(
  backend: BackendUnderTest,
  names: readonly (keyof typeof chapters)[] = Object.keys(chapters) as (keyof typeof chapters)[],
): void {
  describe(`the ${backend.name} backend`, () => {
    beforeAll(() => backend.start?.(), 600_000);
    afterAll(() => backend.stop?.(), 120_000);
    for (const name of names) describe(name, () => chapters[name](backend));
  });
}
