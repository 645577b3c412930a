/** The contract of every backend, on containers. The hostile programs are in `../../attack/docker.test.ts`. */
import { describe, vi } from "vitest";
import { present } from "../../support/require-component.js";
import { describeConformance } from "../conformance/suite.js";
import { dockerUnderTest } from "./docker-under-test.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 600_000 });

describe.runIf(present("linux", "root", "docker", "python", "numpy", "pandas", "matplotlib"))("containers", () =>
  describeConformance(dockerUnderTest),
);
