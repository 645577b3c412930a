/** The hostile programs of the catalogue, on containers that were started ahead. */
import { describe, vi } from "vitest";
import { dockerUnderTest } from "../sandbox/docker/docker-under-test.js";
import { present } from "../support/require-component.js";
import { describeAttacks } from "./catalogue.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker", "python"))("containers", () => {
  describeAttacks(dockerUnderTest, "warm");
});
