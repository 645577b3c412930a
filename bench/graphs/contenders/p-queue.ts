import PQueue from "p-queue";
import { CONCURRENCY } from "../contender.js";
import { wiredWithPromises } from "./promises.js";

const queue = new PQueue({ concurrency: CONCURRENCY });

export const contender = wiredWithPromises((work) => queue.add(work));
