/** The proxy behind the real wall: code in a sandbox reaches what is allowed and nothing else. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SandboxExecutionResult } from "#src/model/sandbox.js";
import { type Internet, startInternet } from "../network/fixture.js";
import type { BackendUnderTest } from "./backend-under-test.js";

export function describeNetwork(backend: BackendUnderTest): void {
  const runOnNetwork = backend.runOnNetwork;
  if (runOnNetwork === undefined) return;
  describe("allowed domains", () => {
    let internet: Internet;
    let denied: readonly (readonly [string, string])[];
    beforeEach(async () => {
      internet = await startInternet();
    });
    afterEach(() => internet.close());

    async function run(language: string, code: string): Promise<SandboxExecutionResult> {
      const domains = [`allowed.test:${internet.http}`, `allowed.test:${internet.https}`];
      const files = { "ca.pem": internet.certificate };
      const ran = await runOnNetwork!(internet, domains, code, { language, files });
      denied = ran.denied;
      expect(ran.result.verdict, `${ran.result.error?.message}\n${ran.result.stderr}`).toBe("ok");
      return ran.result;
    }

    test("Python", async () => {
      const { http, https } = internet;
      const result = await run(
        "python",
        `import urllib.request, ssl, socket
context = ssl.create_default_context(cafile="ca.pem")
print(urllib.request.urlopen("http://allowed.test:${http}/").read().decode())
print(urllib.request.urlopen("https://allowed.test:${https}/", context=context).read().decode())
for url in ("https://denied.test/", "http://127.0.0.2:${http}/"):
  try: urllib.request.urlopen(url)
  except Exception as error: print(error)
for address in (("127.0.0.1", ${http}), ("1.1.1.1", 443)):
  try: socket.create_connection(address, 2); print("REACHED")
  except OSError as error: print(error)`,
      );
      expect(result.stderr).toBe("");
      expect(result.stdout).toContain(`hello from allowed.test:${http}\nhello from allowed.test:${https}\n`);
      expect(result.stdout).toContain("denied.test:443 is not in allowedDomains");
      expect(result.stdout).not.toContain("REACHED");
      expect(denied).toEqual([
        ["denied.test", "not-allowed"],
        ["127.0.0.2", "address"],
      ]);
    });

    test("JavaScript", async () => {
      const { http, https } = internet;
      const result = await run(
        "javascript",
        `const https = require("https");
(async () => {
  console.log(await (await fetch("http://allowed.test:${http}/")).text());
  https.get("https://allowed.test:${https}/", { ca: require("fs").readFileSync("ca.pem") }, async (response) => {
    let text = ""; for await (const chunk of response) text += chunk;
    console.log(text);
    await fetch("https://denied.test/").catch((error) => console.log(error.cause.message));
    process.exit();
  });
})();`,
      );
      expect(result.stderr).toBe("");
      expect(result.stdout).toContain(`hello from allowed.test:${http}\nhello from allowed.test:${https}\n`);
      expect(result.stdout).toContain("denied.test:443 is not in allowedDomains");
    });

    test("bash, with curl", async () => {
      const { http, https } = internet;
      const result = await run(
        "bash",
        `curl -sS http://allowed.test:${http}/; echo; curl -sS --cacert ca.pem https://allowed.test:${https}/; echo
curl -sS http://denied.test/; curl -sS --noproxy '*' --connect-timeout 1 http://1.1.1.1/ || echo no way`,
      );
      expect(result.stdout).toContain(`hello from allowed.test:${http}\nhello from allowed.test:${https}\n`);
      expect(result.stdout).toContain("denied: denied.test:80 is not in allowedDomains");
      expect(result.stdout).toContain("no way");
    });

    const relayKiller = (port: number) => `import os, signal, urllib.request
for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
  if b"proxy.sock" in open(f"/proc/{pid}/cmdline", "rb").read(): os.kill(pid, signal.SIGKILL); print("killed")
try: print(urllib.request.urlopen("http://allowed.test:${port}/").read().decode())
except OSError as error: print(error)`;

    test.runIf(backend.relayIsOutOfReach !== true)(
      "code that kills the relay has no network, and the run ends as ever",
      async () => {
        const result = await run("python", relayKiller(internet.http));
        expect(result.verdict).toBe("ok");
        expect(result.stdout).toMatch(/^(killed\n)+.*Connection (refused|reset)/);
      },
    );

    test.runIf(backend.relayIsOutOfReach === true)("the relay is out of the code's reach", async () => {
      const result = await run("python", relayKiller(internet.http));
      expect(result.stdout).toBe(`hello from allowed.test:${internet.http}\n`);
    });
  });
}
