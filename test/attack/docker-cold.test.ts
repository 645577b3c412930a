/**
 * The hostile programs in Python, on containers that are made for each run. What starts the other languages is the same whether it waits
 * or not, and has been attacked in `docker.test.ts`.
 */
import { describe, vi } from "vitest";
import { dockerUnderTest } from "../sandbox/docker/docker-under-test.js";
import { present } from "../support/require-component.js";
import { describeAttacks } from "./catalogue.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker", "python"))("containers", () => {
  describeAttacks(dockerUnderTest, "cold", { language: "python" });
});
