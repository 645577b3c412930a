/** What a sandbox would run a piece of code with, as plain data: interpreter, driver and packages, by their versions. */
import { createHash } from "node:crypto";
import { OrchestratorError } from "../model/error.js";
import type { SandboxConfig } from "../model/sandbox.js";
import { resolveSandboxConfig } from "./config.js";
import "./language/index.js";
import { type Interpreter, type Language, languageNamed } from "./language.js";
import { PackageViews, sourcesWith } from "./packages/index.js";

const interpreters = new Map<Language, ReturnType<Language["findInterpreter"]>>();
const viewsOf = new Map<string, PackageViews>();

/**
 * Two places that are described alike give the same code the same results.
 * @throws OrchestratorError `NOT_KEYABLE` where the language has no interpreter here, `PACKAGE_NOT_FOUND`
 */
export async function describePlace(languageName: string, config: SandboxConfig = {}): Promise<unknown> {
  const language = languageNamed(languageName);
  const interpreter = await interpreterOf(language);
  const driver = createHash("sha256")
    .update(JSON.stringify(Object.entries(language.driverFiles)))
    .digest("base64url");
  const place = { language: language.name, interpreter: interpreter.version, driver };
  if (language.name !== "python" && language.name !== "javascript") return place;
  const { allowedPackages, packageFolders } = resolveSandboxConfig(config);
  const views = packageViews(language.name === "python" ? interpreter.path : undefined, packageFolders);
  const { versions, digest } = await views.view(language.name, allowedPackages);
  // In a folder of somebody's own, packages are also changed in place.
  return packageFolders.length === 0 ? { ...place, versions } : { ...place, versions, digest };
}

async function interpreterOf(language: Language): Promise<Interpreter> {
  const asked = interpreters.get(language) ?? language.findInterpreter();
  interpreters.set(language, asked);
  const found = await asked;
  if ("missing" in found) throw new OrchestratorError("NOT_KEYABLE", `${found.missing}; ${found.remedy}`);
  return found;
}

function packageViews(python: string | undefined, folders: readonly string[]): PackageViews {
  const key = JSON.stringify([python, folders]);
  const known = viewsOf.get(key) ?? new PackageViews(sourcesWith(python, folders));
  viewsOf.set(key, known);
  return known;
}
