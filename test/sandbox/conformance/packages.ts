/** Allowed packages are a view of the file system: what is not allowed is not there. */
import { describe, expect, test } from "vitest";
import { type BackendUnderTest, executorOf } from "./backend-under-test.js";

export function describePackages(backend: BackendUnderTest): void {
  const ways = `import importlib, sys, subprocess
def attempt(what, name):
  try: what(name); print("SEEN", name)
  except Exception: pass
for name in ("pandas", "matplotlib", "yaml", "apt_pkg", "pip", "setuptools"):
  attempt(__import__, name); attempt(importlib.import_module, name)
  attempt(lambda name: exec("import " + name), name)
  attempt(lambda name: subprocess.run([sys.executable, "-c", "import " + name], check=True, capture_output=True), name)
  attempt(lambda name: importlib.metadata.version(name), name)
import glob
print("LEFT", sorted(p for folder in ("/usr/lib", "/usr/local/lib") for p in glob.glob(folder + "/python3*/*-packages/*")))
`;

  describe("allowed packages", () => {
    test("without a list there is the standard library alone", async () => {
      await using executor = executorOf(backend, { timeLimit: 30 * backend.slowness });
      for (let round = 0; round < 2; round++)
        expect((await executor.executeCode(`import json, sqlite3\n${ways}`)).output).toBe("LEFT []\n");
    });

    test.runIf(backend.packages.includes("numpy"))(
      "with a list there is what it names, and what that requires",
      async () => {
        await using executor = executorOf(backend, { timeLimit: 60 * backend.slowness, allowedPackages: ["numpy>=1"] });
        for (let round = 0; round < 2; round++) {
          const run = await executor.executeCode(`import numpy\nprint(numpy.arange(4).sum())\n${ways}`);
          expect(run.stderr).toBe("");
          expect(run.output).toMatch(/^6\n/);
          expect(run.output).not.toContain("SEEN");
          expect(run.output).toMatch(/LEFT \['[^']*numpy/);
          expect(run.output).not.toMatch(/pandas|matplotlib|yaml/);
        }
      },
    );

    test("what is not there is an error before any code has run", async () => {
      await using executor = executorOf(backend, { allowedPackages: ["surely-not-installed"] });
      await expect(executor.executeCode("1")).rejects.toMatchObject({ code: "PACKAGE_NOT_FOUND" });
    });

    test.each(["numpy @ file:///etc", "-r /etc/passwd", "../x", "pandas;os_name"])("%s is refused", (entry) => {
      expect(() => executorOf(backend, { allowedPackages: [entry] })).toThrow(/allowedPackages/);
    });
  });
}
