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

def told(all=True):
    keeper.serve_once()
    while all and keeper.send_by is not None:
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

  test("hands the template the files of the run's cgroup, and nothing else of the host's groups", () => {
    const script = `
import tempfile
folder = tempfile.mkdtemp()
for name in ("a", "b"):
    open(os.path.join(folder, name), "w").close()
keeper.groups = os.open(folder, os.O_PATH)
end = LineSocket(template)
told()
orders = []
for files in (["a"], ["a", "b"], []):
    entering = Run({"id": 3, "lift": [["a", "-1"]], "entry": files})
    entering.init_pid = 42
    keeper.order_fork(entering)
    message = end.receive_one()
    taken = end.take(message["entries"])
    for descriptor in taken:
        os.write(descriptor, b"0")
        os.close(descriptor)
    orders.append([sorted(message), len(taken), entering.forking])
left = len(end.take(9))
contents = [open(os.path.join(folder, name)).read() for name in ("a", "b")]
lost = Run({"id": 4, "lift": [], "entry": ["a", "none"]})
keeper.order_fork(lost)
failure = json.loads(supervisor.recv(65536).splitlines()[-1])
print(json.dumps([orders, left, contents, [failure["event"], failure["id"], failure["message"], lost.forking]]))`;
    const message = "the cgroup of the run: FileNotFoundError: [Errno 2] No such file or directory: 'none'";
    expect(play(script)).toEqual([
      [1, 2, 0].map((count) => [["entries", "id", "init", "op"], count, true]),
      0,
      ["0", "0"],
      ["failed", 4, message, false],
    ]);
  });

  test("lets what nobody waits for go with the next message, and what somebody waits for go at once", () => {
    const script = `
left = Run({"id": 2, "lift": []})
left.init_pid = os.fork()
if left.init_pid == 0:
    os._exit(0)
left.init = os.pidfd_open(left.init_pid)
os.waitid(os.P_PIDFD, left.init, os.WEXITED | os.WNOWAIT)
keeper.runs[2] = left
os.waitid(os.P_PIDFD, run.init, os.WEXITED | os.WNOWAIT)
silent = told(all=False)
left.awaited = True
keeper.hear_end(left) if keeper.watched.get(left.init) else keeper.bury(left)
both = supervisor.recv(65536).decode().splitlines()
print(json.dumps([silent, [json.loads(line)["id"] for line in both]]))`;
    expect(play(script)).toEqual([[], [1, 2]]);
  });

  test("does not wait for a template that was told nothing", () => {
    expect(play("print(json.dumps([told(), len(keeper.runs)]))")).toEqual([[["gone", null]], 0]);
  });
});
