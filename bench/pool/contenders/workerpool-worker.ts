import workerpool from "workerpool";
import { workloads } from "../functions.js";

workerpool.worker(workloads as never);
