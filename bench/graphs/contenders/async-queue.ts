import { queue as makeQueue } from "async";
import { CONCURRENCY } from "../contender.js";
import { wiredWithPromises } from "./promises.js";

const queue = makeQueue<() => Promise<void>>(async (work: () => Promise<void>) => work(), CONCURRENCY);

export const contender = wiredWithPromises((work) => queue.pushAsync(work));
