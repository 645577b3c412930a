/** Piscina and Tinypool call an export by its name. */
import { workloads } from "../functions.js";

export const { noop, object, cpu, buffer } = workloads;
