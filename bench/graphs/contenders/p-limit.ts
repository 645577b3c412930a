import pLimit from "p-limit";
import { CONCURRENCY } from "../contender.js";
import { wiredWithPromises } from "./promises.js";

const limit = pLimit(CONCURRENCY);

export const contender = wiredWithPromises((work) => limit(work));
