/** Puts attempts into parcels: gives each its token, and writes and seals the message. */
import { createHash } from "node:crypto";
import type { Parcel } from "../../../port/transport.js";
import type { Envelope } from "../envelope.js";
import { type AttemptMessage, type ParcelMessage, protocolVersion, purposeOf, type WorkMessage } from "../messages.js";
import type { CoordinatedAttempt } from "./coordinated-attempt.js";
import type { CoordinatedRun } from "./coordinated-run.js";
import type { ParcelSizes } from "./parcel-size.js";

export interface Submission {
  readonly run: CoordinatedRun;
  readonly attempts: readonly CoordinatedAttempt[];
  readonly envelope: Envelope;
  /** Where answers go, if the run has no stream of its own. */
  readonly inbox: string;
}

export interface WrittenParcels {
  readonly parcels: readonly Parcel[];
  readonly refused: readonly { readonly attempt: CoordinatedAttempt; readonly error: Error }[];
}

export function writeParcels(
  { run, attempts, envelope, inbox }: Submission,
  sizes: ParcelSizes,
  window: number,
  slotsOf: (queue: string) => number,
): WrittenParcels {
  const byQueue = new Map<string, CoordinatedAttempt[]>();
  for (const attempt of attempts) {
    const list = byQueue.get(attempt.queue);
    if (list === undefined) byQueue.set(attempt.queue, [attempt]);
    else list.push(attempt);
  }
  const parcels: Parcel[] = [];
  const refused: { attempt: CoordinatedAttempt; error: Error }[] = [];
  for (const [queue, queued] of byQueue) {
    for (const group of sizes.split(queued, slotsOf(queue), window)) {
      try {
        parcels.push(writeParcel(run, queue, group, envelope, inbox));
      } catch (error) {
        for (const attempt of group) refused.push({ attempt, error: error as Error });
      }
    }
  }
  return { parcels, refused };
}

function writeParcel(
  run: CoordinatedRun,
  queue: string,
  attempts: readonly CoordinatedAttempt[],
  envelope: Envelope,
  inbox: string,
): Parcel {
  const id = parcelId(run, attempts);
  const works: WorkMessage[] = [];
  const places = new Map<string, number>();
  const messages = attempts.map((attempt) => {
    const { work, workKey } = attempt.encoded!;
    let place = places.get(workKey);
    if (place === undefined) {
      place = works.push(work) - 1;
      places.set(workKey, place);
    }
    return attemptMessage(run, attempt, place);
  });
  const message: ParcelMessage = {
    version: protocolVersion,
    run: run.id,
    ...(run.resumable ? undefined : { inbox }),
    at: Date.now(),
    works,
    attempts: messages,
  };
  const text = envelope.seal(purposeOf.parcel(id), JSON.stringify(message));
  const index = run.resumable ? envelope.seal(purposeOf.index(run.id), run.indexOf(queue, attempts)) : undefined;
  run.addParcel(
    id,
    queue,
    attempts.map(({ token }) => token),
  );
  for (const attempt of attempts) {
    attempt.parcelId = id;
    attempt.sends++;
  }
  return { id, queue, text, index };
}

function attemptMessage(run: CoordinatedRun, attempt: CoordinatedAttempt, work: number): AttemptMessage {
  const { request, encoded } = attempt;
  const { taskId, name, timeoutMs, memoryBytes, cpuCores, resources, trace } = request;
  // What is undefined does not travel. Written out: a spread for each field cost as much as the rest of a parcel.
  return {
    token: run.newToken(attempt),
    task: taskId,
    name,
    attempt: request.attempt,
    work,
    inputs: encoded!.inputs,
    timeoutMs,
    memoryBytes,
    cpuCores,
    resources,
    trace,
  };
}

/**
 * `run/task/attempt` for one attempt, and a digest of those for several, so that adding a parcel twice adds it once. One
 * that is sent anew, after its worker had handed it back or died, says how often in front.
 */
function parcelId(run: CoordinatedRun, attempts: readonly CoordinatedAttempt[]): string {
  const keys = attempts.map(({ request, sends }) => {
    const again = sends === 0 ? "" : `${run.epoch}.${sends}/`;
    return `${again}${run.id}/${encodeURIComponent(request.taskId)}/${request.attempt}`;
  });
  if (keys.length === 1 && keys[0]!.length <= 300) return keys[0]!;
  const digest = createHash("sha256").update(keys.join("\n")).digest("base64url").slice(0, 22);
  return `${run.id}/${keys.length}-${digest}`;
}
