import * as fastq from "fastq";
import { CONCURRENCY } from "../contender.js";
import { wiredWithPromises } from "./promises.js";

const queue = fastq.promise<unknown, () => Promise<void>, void>((work) => work(), CONCURRENCY);

export const contender = wiredWithPromises((work) => queue.push(work));
