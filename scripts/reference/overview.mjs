/** The first page of the reference: what is where, what holds everywhere, and every name. */
import { makeContext } from "./context.mjs";
import { summaryOf } from "./doc-comment.mjs";
import { rootEntries } from "./pages.mjs";

const conventions = `## What holds everywhere

- **Durations** are seconds when they are numbers, or strings with a unit: \`"250ms"\`, \`"30s"\`, \`"5m"\`, \`"2h"\`, \`"1d"\`. Times of day (\`at\`) are milliseconds since the epoch.
- **Sizes** are bytes when they are numbers, or strings: \`"512MB"\` is 512 · 10⁶ and \`"512MiB"\` is 512 · 2²⁰.
- **Options** are checked where they are given. Whatever is wrong is thrown at once as one [\`InvalidOptionError\`](parallel-executor.md#invalidoptionerror)
  that names each option, what it got and what it takes. Unknown options are refused, with the nearest name.
- **Failures of tasks are results**, never rejections: \`success\`, \`status\`, \`error\` and a \`reason\` that is data. A throw means misuse, or a bug.
- **Errors** of the engine have a stable \`code\`; [errors](../errors.md) lists every one with what to do.
- **What holds something** (executors, pools, caches, sandboxes, monitors that export) has an idempotent \`close()\` and takes \`await using\`. Nothing
  of it keeps a program alive that has nothing else to do, unless it says so.
- Fields with \`?\` may be left out; what then holds stands behind "Default". All are \`readonly\`.`;

export function renderOverview(pages, names) {
  const context = makeContext(names, "README.md");
  const rows = pages.map(({ file, title, entries, intro }, index) => {
    const from = entries.map((entry) => `\`orchestrator-executor/${entry}\``).join(", ");
    const root = entries.some((entry) => rootEntries.includes(entry)) ? "yes" : "no";
    return `| ${index + 1}. [${title}](${file}) | ${from} | ${root} | ${intro.replace(/ (Guides?|A run is journalled).*/, "")} |`;
  });
  const index = [...names.values()]
    .sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))
    .map(({ name, page, kinds, doc }) => {
      const summary = context.link(summaryOf(doc), name).replace(/(?<!\\)\|/g, "\\|");
      return `| [\`${name}\`](${page}#${name.toLowerCase()}) | ${kinds[0]} | ${summary} |`;
    });
  return `# Reference

${context.generated}

Every public name, with its type, units, defaults, errors and examples. To learn, begin with the [guides](../README.md).

| page | import from | or from the root | |
|---|---|---|---|
${rows.join("\n")}

The root, \`orchestrator-executor\`, loads no sandbox, page, Redis or pipeline reader before one is used. The subpaths are for whoever wants to say what is used.

${conventions}

## Names

| name | | |
|---|---|---|
${index.join("\n")}
`;
}
