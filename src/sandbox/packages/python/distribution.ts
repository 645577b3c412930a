/**
 * Installed distributions: found in a site directory by the names of their metadata (`*.dist-info`, `*.egg-info`), which are
 * read only for those that are looked at.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { normaliseName } from "./name.js";
import { type PythonRequirement, parseRequirement } from "./requirement.js";

/** Where a distribution's metadata is. */
export interface DistributionEntry {
  readonly key: string;
  readonly site: string;
  /** Name in the site directory. */
  readonly metadata: string;
  readonly kind: "dist-info" | "egg-info" | "egg-info-file";
}

export interface Distribution extends DistributionEntry {
  readonly name: string;
  readonly version: string;
  /** In the words of the metadata; those that cannot be read are left out. */
  readonly requirements: readonly PythonRequirement[];
  /** Top-level modules that it says it has. */
  readonly topLevel: readonly string[];
}

const metadataName = /^(.+?)(?:-([^-]+)(?:-py[0-9.]+)?)?\.(dist-info|egg-info)$/;

/** The normalised name of the distribution whose metadata has that name in a site directory. */
export function keyOf(metadata: string): string {
  return normaliseName(metadataName.exec(metadata)?.[1] ?? metadata);
}

/** The distributions of a site directory by normalised name. */
export function listDistributions(site: string): Map<string, DistributionEntry> {
  const found = new Map<string, DistributionEntry>();
  for (const entry of readdirSync(site, { withFileTypes: true })) {
    const match = metadataName.exec(entry.name);
    if (match === null) continue;
    const isDirectory = entry.isDirectory() || (entry.isSymbolicLink() && isDirectoryAt(join(site, entry.name)));
    if (match[3] === "dist-info" && !isDirectory) continue;
    const kind = match[3] === "dist-info" ? "dist-info" : isDirectory ? "egg-info" : "egg-info-file";
    const key = normaliseName(match[1]!);
    // Metadata without a version in its name is of a build tree, and what has one is meant.
    if (found.has(key) && match[2] === undefined) continue;
    found.set(key, { key, site, metadata: entry.name, kind });
  }
  return found;
}

export function readDistribution(entry: DistributionEntry): Distribution {
  const directory = join(entry.site, entry.metadata);
  const read = (name: string) => (entry.kind === "egg-info-file" ? undefined : readText(join(directory, name)));
  const headers = readHeaders(
    (entry.kind === "egg-info-file"
      ? readText(directory)
      : read(entry.kind === "dist-info" ? "METADATA" : "PKG-INFO")) ?? "",
  );
  const requirements = headers.get("requires-dist") ?? readRequiresText(read("requires.txt") ?? "");
  return {
    ...entry,
    name: headers.get("name")?.[0] ?? entry.key,
    version: headers.get("version")?.[0] ?? metadataName.exec(entry.metadata)?.[2] ?? "0",
    requirements: requirements.flatMap(readableRequirement),
    topLevel: (read("top_level.txt") ?? "").split("\n").filter((line) => line.trim() !== ""),
  };
}

function readableRequirement(text: string): PythonRequirement[] {
  try {
    return [parseRequirement(text)];
  } catch {
    // Metadata from before the grammar was fixed. What it asks for was seen to when it was installed.
    return [];
  }
}

/** The header block of metadata (an e-mail's format), names in lower case. */
function readHeaders(text: string): Map<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    if (line === "") break;
    const colon = line.indexOf(":");
    if (colon <= 0 || /^\s/.test(line)) continue;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const values = headers.get(name);
    if (values === undefined) headers.set(name, [value]);
    else values.push(value);
  }
  return headers;
}

/** The lines of setuptools' requires.txt as requirements: `[extra:marker]` heads those below it. */
function readRequiresText(text: string): string[] {
  const requirements: string[] = [];
  let marker = "";
  for (const line of text.split("\n").map((part) => part.trim())) {
    const section = /^\[([^:\]]*)(?::(.*))?\]$/.exec(line);
    if (section !== null) marker = markerOf(section[1]!, section[2] ?? "");
    else if (line !== "") requirements.push(marker === "" ? line : `${line} ; ${marker}`);
  }
  return requirements;
}

function markerOf(extra: string, marker: string): string {
  const ofExtra = extra === "" ? "" : `extra == "${extra}"`;
  if (marker === "") return ofExtra;
  return ofExtra === "" ? marker : `(${marker}) and ${ofExtra}`;
}

/** A file's text, or `undefined` where there is none. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function isDirectoryAt(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
