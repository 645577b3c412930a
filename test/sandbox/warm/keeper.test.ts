/** The keeper of a fork server by itself: what it tells, in which order, whoever of the others is late. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { present } from "../../support/require-component.js";

const folder = join(import.meta.dirname, "../../../src/sandbox/backend/process/warm/server");

/** A keeper with a run whose init has ended at once, between a supervisor and a template that are played here. */
const stage = `
import json, os, socket, sys
sys.path.insert(0, sys.argv[1])
from keeper import Keeper, Run
from lines import LineSocket

supervisor, control = socket.socketpair()
template, ours = socket.socketpair()
supervisor.setblocking(False)
keeper = Keeper(LineSocket(control), {}, None, None, {})
keeper.template = LineSocket(ours)
keeper.watch(ours.fileno(), keeper.hear_template)
run = Run({"id": 1, "lift": []})
keeper.runs[1] = run
run.init_pid = os.fork()
if run.init_pid == 0:
    os._exit(0)
run.init = os.pidfd_open(run.init_pid)
keeper.watch(run.init, lambda: keeper.hear_end(run))

def told():
    keeper.serve_once()
    try:
        return [(m["event"], m.get("deadline")) for m in map(json.loads, supervisor.recv(65536).decode().splitlines())]
    except BlockingIOError:
        return []

def say(event):
    template.sendall(json.dumps({"event": event, "id": 1, "code": None, "signal": 9}).encode() + b"\\n")
`;

function play(script: string): unknown {
  const words = execFileSync("python3", ["-B", "-c", `${stage}\n${script}`, folder], { encoding: "utf8" });
  return JSON.parse(words);
}

describe.runIf(present("linux", "python"))("the keeper", () => {
  test("tells how a run ended before it tells that it is gone, however late the template is", () => {
    const script = `
run.forking = run.timed_out = True
first = told()
say("exited")
print(json.dumps([first, told(), len(keeper.runs)]))`;
    expect(play(script)).toEqual([
      [],
      [
        ["exited", true],
        ["gone", null],
      ],
      0,
    ]);
  });

  test("tells that a run which could not be forked is gone", () => {
    const script = `
run.forking = True
first = told()
say("failed")
print(json.dumps([first, told(), len(keeper.runs)]))`;
    expect(play(script)).toEqual([
      [],
      [
        ["failed", null],
        ["gone", null],
      ],
      0,
    ]);
  });

  test("ends what a run has left behind in a moment by itself, whatever deadline it is told then", () => {
    const script = `
import signal, time
left = Run({"id": 2, "lift": []})
left.forking = True
left.init_pid = os.fork()
if left.init_pid == 0:
    time.sleep(60)
    os._exit(0)
left.init = os.pidfd_open(left.init_pid)
keeper.runs[2] = left
keeper.watch(left.init, lambda: keeper.hear_end(left))
first = told()
template.sendall(b'{"event": "exited", "id": 2, "code": 0, "signal": null}\\n')
second = told()
keeper.arm({"id": 2, "ms": 60000})
started = time.monotonic()
events = []
while not events and time.monotonic() - started < 10:
    events = told()
print(json.dumps([first, second, events, len(keeper.runs)]))`;
    expect(play(script)).toEqual([[["gone", null]], [["exited", false]], [["gone", null]], 0]);
  });

  test("does not wait for a template that was told nothing", () => {
    expect(play("print(json.dumps([told(), len(keeper.runs)]))")).toEqual([[["gone", null]], 0]);
  });
});
