/** Who is answered: the token, Host, Origin, method and content type, by plain requests as an attacker would make them. */
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dashboard, startDashboard } from "#src/dashboard/index.js";
import { ParallelExecutor } from "#src/executor/parallel-executor.js";
import type { Run } from "#src/executor/run.js";

let executor: ParallelExecutor;
let dashboard: Dashboard;
let run: Run;
let token: string;

beforeAll(async () => {
  executor = new ParallelExecutor();
  dashboard = await startDashboard({ executor });
  token = new URLSearchParams(new URL(dashboard.url).hash.slice(1)).get("token")!;
  run = executor.run(
    [
      {
        id: "hold",
        run: (_inputs, { signal }) =>
          new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal))),
      },
    ],
    { runId: "r" },
  );
});

afterAll(async () => {
  await dashboard.close();
  await executor.close();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(path: string, headers: Record<string, string> = {}, method = "GET", until = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port: dashboard.port, path, method, headers }, (response) => {
      let body = "";
      const finish = (): void =>
        resolve({ status: response.statusCode!, headers: response.headers as Answer["headers"], body });
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
        if (until !== "" && body.includes(until)) {
          finish();
          sent.destroy();
        }
      });
      response.on("end", finish);
    });
    sent.on("error", (error) => until === "" && reject(error));
    sent.end(method === "POST" ? "{}" : undefined);
  });
}

const withToken = (headers: Record<string, string> = {}) => ({ authorization: `Bearer ${token}`, ...headers });

test("the page is given without a token and under a strict policy; runs are not", async () => {
  const page = await ask("/");
  expect(page.status).toBe(200);
  const policy = String(page.headers["content-security-policy"]);
  for (const piece of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"])
    expect(policy).toContain(piece);
  expect(policy).not.toContain("unsafe");
  expect((await ask("/api/runs")).status).toBe(401);
  expect((await ask("/api/runs", { authorization: `Bearer ${token}x` })).status).toBe(401);
  expect((await ask(`/api/runs?token=${token}`)).status).toBe(401);
  expect((await ask("/api/runs", withToken())).status).toBe(200);
});

test.each([
  ["a name of somebody else's that points here", { host: "attacker.example:80" }],
  ["another port of this machine", { host: "127.0.0.1:1" }],
  ["a page of another site", { origin: "https://attacker.example" }],
  ["a page of another port", { origin: "http://127.0.0.1:1" }],
  ["a sandboxed frame", { origin: "null" }],
  ["a script of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" }],
])("%s is refused, token or not", async (_who, headers) => {
  const { status, body, headers: answered } = await ask("/api/runs", withToken(headers));
  expect({ status, told: body.includes('"r"') }).toEqual({ status: 403, told: false });
  expect(answered["access-control-allow-origin"]).toBeUndefined();
});

test.each(["cancel", "tasks/0/cancel", "retry"])(
  "%s takes a POST of JSON with the token, and nothing less",
  async (path) => {
    const json = { "content-type": "application/json" };
    expect((await ask(`/api/runs/r/${path}`, withToken(json))).status).toBe(405);
    expect((await ask(`/api/runs/r/${path}`, withToken({ "content-type": "text/plain" }), "POST")).status).toBe(415);
    expect((await ask(`/api/runs/r/${path}`, json, "POST")).status).toBe(401);
    expect(run.result("hold")).toBeUndefined();
  },
);

test.each(["/../package.json", "/..%2fpackage.json", "/assets/../../../package.json", "/api/runs/r/tasks/7", "/api/x"])(
  "%s is nothing that is served",
  async (path) => {
    const { status, body } = await ask(path, withToken());
    expect({ status, leaked: body.includes("orchestrator-executor") }).toEqual({ status: 404, leaked: false });
  },
);

describe("events", () => {
  test("are taken up where they broke off, and from the start for a page of another server", async () => {
    const first = await ask("/api/events?run=r", withToken(), "GET", "\nevent: delta");
    const id = /^id: (\w+\.\d+)$/m.exec(first.body)![1]!;
    const deltaOf = async (lastEventId: string): Promise<{ tasks: { task: number[] } }> => {
      const text = (await ask("/api/events?run=r", withToken({ "last-event-id": lastEventId }), "GET", '"glance"'))
        .body;
      return JSON.parse(/^data: (.*"glance".*)$/m.exec(text)![1]!) as { tasks: { task: number[] } };
    };
    expect((await deltaOf(id)).tasks.task).toEqual([]);
    expect((await deltaOf("other.99")).tasks.task).toEqual([0]);
  });
});

test("options are checked, and all that is wrong is told", async () => {
  const wrong = startDashboard({ port: 70_000, token: "short", prot: 1 } as never);
  await expect(wrong).rejects.toMatchObject({ code: "INVALID_OPTION", problems: { length: 3 } });
});
