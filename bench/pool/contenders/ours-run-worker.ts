/** A task's function is given its inputs by name. */
import { workloads } from "../functions.js";

interface Inputs {
  readonly input: never;
}

export const noop = ({ input }: Inputs) => workloads.noop(input);
export const object = ({ input }: Inputs) => workloads.object(input);
export const cpu = ({ input }: Inputs) => workloads.cpu(input);
export const buffer = ({ input }: Inputs) => workloads.buffer(input);
