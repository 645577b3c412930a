/**
 * The API package of OpenTelemetry, an optional peer. It is required when it is needed rather than imported: an import that
 * cannot be resolved is the loader's to report, in words that do not say what to install, and one awaited at the top of a
 * module would keep programs in CommonJS from requiring it. The package keeps its state on `globalThis`, so it does not matter
 * by which way each part of a program has loaded it.
 */
import { createRequire } from "node:module";
import { OrchestratorError } from "../model/error.js";

export type OpenTelemetryApi = typeof import("@opentelemetry/api");

/** @throws OrchestratorError `PACKAGE_NOT_FOUND` */
export function loadOpenTelemetryApi(): OpenTelemetryApi {
  try {
    return createRequire(import.meta.url)("@opentelemetry/api") as OpenTelemetryApi;
  } catch (cause) {
    throw new OrchestratorError(
      "PACKAGE_NOT_FOUND",
      "traces and metrics of OpenTelemetry need the package @opentelemetry/api: npm install @opentelemetry/api",
      { cause },
    );
  }
}
