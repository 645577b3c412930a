/**
 * Makes one pack of those whose writers have ended: of each key the latest record, without what has expired or was
 * declared invalid, and without the oldest where all would be more than the folder may hold. The merged pack is whole
 * before it is listed, and the old ones go after it is.
 */
import { renameSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Invalidations } from "./invalidations.js";
import type { Pack } from "./pack.js";
import { contentOf, frameType } from "./pack-format.js";
import { hasEnded, mergedName, PackWriter } from "./pack-writer.js";
import type { Place, PlaceIndex } from "./place-index.js";
import { decodeRecord } from "./record-codec.js";
import type { ValueFiles } from "./value-files.js";

export interface CompactionParts {
  readonly folder: string;
  readonly maximumBytes: number;
  readonly packs: readonly Pack[];
  /** Name of the pack that this process writes. */
  readonly own: string | undefined;
  readonly places: PlaceIndex;
  readonly invalidations: Invalidations;
  readonly values: ValueFiles;
}

export function compactPacks(parts: CompactionParts): void {
  const ended = new Set(parts.packs.filter((pack) => pack.name !== parts.own && hasEnded(pack)));
  if (ended.size === 0) return;
  let others = 0;
  for (const pack of parts.packs) if (!ended.has(pack)) others += pack.size;
  const places = [...parts.places.values()];
  const used = places.filter((place) => !ended.has(place.pack));
  const found = places.filter((place) => ended.has(place.pack)).sort((left, right) => right.startedAt - left.startedAt);
  const draft = new PackWriter(parts.folder, ".part");
  try {
    for (const place of found) {
      if (others + draft.end + sizeOf(place) > parts.maximumBytes) break;
      if (copyRecord(draft, place, parts.invalidations)) {
        others += place.file === undefined ? 0 : sizeOf(place) - place.length;
        used.push(place);
      }
    }
    draft.close();
    renameSync(draft.path, join(parts.folder, mergedName()));
  } catch (error) {
    draft.close();
    rmSync(draft.path, { force: true });
    throw error;
  }
  for (const pack of ended) unlinkSync(pack.path);
  parts.values.collect(new Set(used.flatMap(({ file }) => (file === undefined ? [] : [file]))));

  function sizeOf(place: Place): number {
    return place.length + (place.file === undefined ? 0 : parts.values.sizeOf(place.file));
  }
}

function copyRecord(draft: PackWriter, place: Place, invalidations: Invalidations): boolean {
  const frame = place.pack.read(place.offset, place.length);
  if (frame === undefined) return false;
  const record = decodeRecord(
    frame.bytes,
    frame.type === frameType.fileEntry ? frame.start + 32 : frame.start,
    frame.end,
  );
  if (record === undefined || record.usableUntil <= Date.now() || !invalidations.allows(frame.name, record))
    return false;
  draft.append(frame.type, frame.name, contentOf(frame));
  return true;
}
