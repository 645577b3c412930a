/** Reads the working folder of a session while its code may be changing it: no link is followed, nothing but files is opened. */
import { closeSync, constants, fstatSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import type { ListedFile } from "../../run/files.js";
import { escapeName, openBelow } from "./host-artifacts.js";

const { O_DIRECTORY, O_NONBLOCK } = constants;
const deepest = 32;
const mostFiles = 10_000;

/** Content of a file below `folder`, by its relative name; `undefined` where it is no file that can be read. */
export function readFileBelow(folder: number, name: string): Uint8Array | undefined {
  const parts = name.split("/");
  const held: number[] = [];
  try {
    let parent = folder;
    for (const [index, part] of parts.entries()) {
      const opened = openBelow(parent, Buffer.from(part), index === parts.length - 1 ? O_NONBLOCK : O_DIRECTORY);
      if (opened === undefined) return undefined;
      held.push(opened);
      parent = opened;
    }
    return fstatSync(parent).isFile() ? readFileSync(parent) : undefined;
  } finally {
    for (const descriptor of held) closeSync(descriptor);
  }
}

/** Regular files below `folder` by name, at most 10,000. */
export function listFilesBelow(folder: number): ListedFile[] {
  const files: ListedFile[] = [];
  walk(folder, "", 0, files);
  return files.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function walk(folder: number, path: string, depth: number, files: ListedFile[]): void {
  if (depth > deepest) return;
  for (const entry of readdirSync(`/proc/self/fd/${folder}`, { withFileTypes: true, encoding: "buffer" })) {
    if (files.length >= mostFiles) return;
    const name = path === "" ? escapeName(entry.name) : `${path}/${escapeName(entry.name)}`;
    if (entry.isFile()) {
      const size = sizeBelow(folder, entry.name);
      if (size !== undefined) files.push({ name, size });
    } else if (entry.isDirectory()) {
      const child = openBelow(folder, entry.name, O_DIRECTORY);
      if (child === undefined) continue;
      try {
        walk(child, name, depth + 1, files);
      } finally {
        closeSync(child);
      }
    }
  }
}

function sizeBelow(folder: number, name: Buffer): number | undefined {
  try {
    return lstatSync(Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), name])).size;
  } catch {
    return undefined; // Removed meanwhile.
  }
}
