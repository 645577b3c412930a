/** Groups of processes with limits held by the kernel: one interface over cgroup v1, v2 and both beside each other. */
export { type CgroupLimits, type ControllerName, cpuPeriodMicroseconds } from "./controller.js";
export { type CgroupSupport, type ControllerSupport, detectCgroups } from "./detect.js";
export { enterCgroup, enterFailedCode } from "./enter.js";
export { type Cgroup, type CgroupLimitChange, type CgroupOptions, type CgroupUsage, createCgroup } from "./group.js";
export { sweepCgroups } from "./sweep.js";
