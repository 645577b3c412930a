import { ThreadWorker } from "poolifier";
import { workloads } from "../functions.js";

export default new ThreadWorker(workloads as never);
