/** How long servers, spares and sessions live: never longer than their supervisor, and never so long that they keep it. */
import { afterEach, expect, test } from "vitest";
import { cgroupsOf, descendantsOf, isRunning } from "../remains.js";
import { endSupervisors, startSupervisor } from "../supervisor.js";

const limits = `onUnsupported: ["memoryLimit", "cpuQuota"]`;
const warmUp = `
const manager = new SandboxManager({ defaults: { ${limits} } });
for (const language of ["python", "javascript", "bash"])
  for (let round = 0; round < 2; round++) await manager.executeCode("", { language });
const session = await manager.createSession({ language: "python" });
await session.executeCode("kept = 1");
`;

/** Code that counts the processes with `marker` in their command line, and starts a run that is to have some. */
const lookForMarked = `
const alive = () => readdirSync("/proc").filter((pid) => {
  try { return /^\\d+$/.test(pid) && readFileSync("/proc/" + pid + "/cmdline", "latin1").includes(marker); } catch { return false; }
}).length;
async function whenAlive(start, count) {
  let up = false;
  let early;
  const run = start(() => (up = true));
  run.then((result) => (early = result));
  while ((!up || alive() < count) && early === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
  return { run, early };
}
`;

afterEach(endSupervisors);

test("a supervisor that is killed takes everything with it", async () => {
  const child = startSupervisor(`${warmUp}
manager.executeCode("import time\\nprint('up', flush=True)\\ntime.sleep(600)", { language: "python", onStdout: () => console.log("busy") });
manager.executeCode("echo up; (setsid sleep 600 &) ; sleep 600", { language: "bash", onStdout: () => {} });
setInterval(() => {}, 1000);
`);
  await child.line("busy");
  await expect.poll(() => descendantsOf(child.pid).length).toBeGreaterThan(8);
  const before = descendantsOf(child.pid);
  child.kill();
  await child.ended;
  await expect.poll(() => before.filter(isRunning), { timeout: 10_000 }).toEqual([]);
  // What only a next start can remove, it removes.
  const next = startSupervisor(`const manager = new SandboxManager({ defaults: { ${limits} } });
console.log("said", (await manager.executeCode("print(1)")).output.trim());
await manager.close();`);
  expect(await next.line("said")).toBe("1");
  await next.ended;
  expect(cgroupsOf(child.pid)).toEqual([]);
});

test("a program that ends without closing ends by itself, and leaves no process", async () => {
  const child = startSupervisor(`${warmUp}
console.log("pids", process.pid);
console.log("done");
`);
  await child.line("done");
  const before = descendantsOf(child.pid);
  expect(await child.ended).toEqual({ code: 0, signal: null });
  await expect.poll(() => before.filter(isRunning), { timeout: 45_000 }).toEqual([]);
});

test("close leaves no process, no group and no descriptor", async () => {
  const child = startSupervisor(`import { readdirSync } from "node:fs";
const open = () => readdirSync("/proc/self/fd").length;
{
  const first = new SandboxManager({ defaults: { ${limits} } });
  for (const language of ["python", "javascript", "bash"]) await first.executeCode("", { language });
  await first.close();
}
const before = open();
${warmUp}
await manager.close();
// A socket that was closed is given back in one of the next rounds of the event loop.
for (let round = 0; round < 200 && open() > before; round++) await new Promise((resolve) => setTimeout(resolve, 10));
console.log("more", Math.max(0, open() - before), session.state);
setInterval(() => {}, 1000);
`);
  expect(await child.line("more")).toBe("0 ended");
  await expect.poll(() => descendantsOf(child.pid)).toEqual([]);
  expect(cgroupsOf(child.pid)).toEqual([]);
  child.kill();
  await child.ended;
});

test("a deadline holds while the supervisor is stuck", async () => {
  const child = startSupervisor(`import { readFileSync, readdirSync } from "node:fs";
${warmUp}
const marker = "stuck-" + process.pid;
${lookForMarked}
for (const language of ["python", "bash"]) {
  const code = language === "bash"
    ? "echo up; exec -a " + marker + " sleep 600"
    : "import os\\nprint('up', flush=True)\\nos.execv('/bin/sleep', ['" + marker + "', '600'])";
  // Long enough that also a busy machine gets as far as the loop below before it is over.
  const { run, early } = await whenAlive((onStdout) => manager.executeCode(code, { language, onStdout }, { timeLimit: 5 }), 1);
  if (early !== undefined) console.log(language, "ended before it was seen", JSON.stringify(early));
  // Nothing else of this process runs until this loop has ended: only somebody else can end the sandbox.
  const stuckAt = Date.now();
  while (alive() > 0 && Date.now() - stuckAt < 20000);
  const dead = alive() === 0;
  const { verdict } = await run;
  console.log(language, dead, verdict);
}
console.log("over");
await manager.close();
`);
  const over = child.line("over");
  const python = child.line("python");
  const bash = child.line("bash");
  expect(await python).toBe("true timeout");
  expect(await bash).toBe("true timeout");
  await over;
  await child.ended;
});

test("a throttled tree dies at its deadline while the supervisor is stuck", async () => {
  const child = startSupervisor(`import { readFileSync, readdirSync } from "node:fs";
${warmUp}
const marker = "throttled-" + process.pid;
${lookForMarked}
const code = "import os\\nprint('up', flush=True)\\nfor _ in range(40):\\n  if os.fork() == 0:\\n    os.execv('/bin/sh', ['sh', '-c', 'while :; do :; done', '" + marker + "'])\\nos.wait()";
const { run, early } = await whenAlive((onStdout) => manager.executeCode(code, { language: "python", onStdout }, { timeLimit: 8, cpuQuota: 5000 }), 2);
if (early !== undefined) console.log("dead", "ended before it was seen", JSON.stringify(early));
const stuckAt = Date.now();
while (alive() > 0 && Date.now() - stuckAt < 40000);
const dead = alive() === 0;
console.log("dead", dead, (await run).verdict);
await manager.close();
`);
  expect(await child.line("dead")).toBe("true timeout");
  await child.ended;
});

test("a server that dies is replaced, and what ran in it says that its sandbox failed", async () => {
  const child = startSupervisor(`import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
${warmUp}
const childrenOf = (pid) => readFileSync("/proc/" + pid + "/task/" + pid + "/children", "latin1").split(" ").filter(Boolean).map(Number);
const below = (pid) => childrenOf(pid).flatMap((child) => [child, ...below(child)]);
const boot = childrenOf(process.pid).find((pid) => readFileSync("/proc/" + pid + "/cmdline", "latin1").includes("boot.py"));
const [keeper] = childrenOf(boot);
const [template] = childrenOf(keeper);
const running = manager.executeCode("import time\\nprint(1, flush=True)\\ntime.sleep(600)", { language: "python", onStdout: () => process.kill(template, "SIGKILL") });
const { verdict, error } = await running;
console.log("lost", verdict, /server/.test(error.message));
console.log("session", session.state === "ended" || (await session.executeCode("1").then((r) => r.verdict, (e) => e.code)));
const results = [];
for (let round = 0; round < 3; round++) {
  const { output, warm } = await manager.executeCode("print(2)", { language: "python" });
  results.push(output.trim(), warm);
}
console.log("again", results.join());
await manager.close();
`);
  const lost = child.line("lost");
  const again = child.line("again");
  expect(await lost).toBe("sandbox-failure true");
  expect(await again).toBe("2,true,2,true,2,true");
  await child.ended;
});

test("nothing that a run has left behind is alive when its result is told", async () => {
  const child = startSupervisor(`import { readdirSync, readFileSync } from "node:fs";
const manager = new SandboxManager({ defaults: { ${limits} } });
// The same test runs beside this one for another user.
const mark = "98765." + process.pid;
const marked = () => readdirSync("/proc").filter((name) => {
  try {
    return /^\\d+$/.test(name) && readFileSync("/proc/" + name + "/cmdline", "latin1").startsWith("sleep\\0" + mark + "\\0");
  } catch {
    return false;
  }
});
const code = "import os\\nfor round in range(5):\\n  if os.fork() == 0:\\n    os.setsid()\\n    os.execvp('sleep', ['sleep', '" + mark + "'])\\nprint('out')";
const seen = [];
for (let round = 0; round < 8; round++) {
  const { output } = await manager.executeCode(code, { language: "python" });
  seen.push(output.trim() + marked().length);
}
console.log("seen", [...new Set(seen)].join());
await manager.close();
`);
  expect(await child.line("seen")).toBe("out0");
  await child.ended;
});
