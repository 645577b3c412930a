// Builds the dashboard's page into dist/dashboard/page, with the licences of what is bundled into it beside it. Does
// nothing where neither the sources nor the packages have changed since.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = "src/dashboard/page";
const outDir = "dist/dashboard/page";
const stampFile = "dist/.page-stamp";

const sources = [...filesOf(root), "src/dashboard/protocol.ts", "package-lock.json", "scripts/build-page.mjs"];
const stamp = createHash("sha256");
for (const file of sources) stamp.update(file).update(readFileSync(file));
const wanted = stamp.digest("hex");
if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) process.exit(0);

rmSync(outDir, { recursive: true, force: true });
const { build } = await import("vite");
const bundled = new Set();
await build({
  root,
  configFile: false,
  logLevel: "warn",
  // Relative, so that it works below any path of a proxy.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: join(process.cwd(), outDir),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    // How long plugins take on a busy machine is no news to whoever builds.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  plugins: [
    {
      name: "bundled-packages",
      generateBundle(_options, bundle) {
        for (const chunk of Object.values(bundle))
          for (const id of chunk.moduleIds ?? []) {
            const name = /.*node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(id)?.[1];
            if (name !== undefined) bundled.add(name.replaceAll("\\", "/"));
          }
      },
    },
  ],
});
bundled.add("@dagrejs/graphlib");
bundled.add("uplot");
writeFileSync(`${outDir}/NOTICES.txt`, notices([...bundled].sort()));
writeFileSync(stampFile, wanted);

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function notices(names) {
  const blocks = names.map((name) => {
    const folder = `node_modules/${name}`;
    const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence file: it cannot be bundled`);
    return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
  });
  return `The dashboard's page contains the following packages.\n\n${blocks.join(`\n${"-".repeat(80)}\n\n`)}`;
}
