/** Examples of doc comments as blocks of a page, with the imports that they need; `test/house/docs.test.ts` runs them. */
import { rootEntries } from "./pages.mjs";

const packageName = "orchestrator-executor";

/** Markdown of one example. A part after `// in NAME.ts` is that file; `// in the program` ends it. */
export function exampleBlocks({ title, code }, names) {
  const blocks = [];
  const rest = code.replace(/^\/\/ in (\S+\.ts)\n([\s\S]*?)\n\n?\/\/ in the program\n/gm, (_, file, text) => {
    blocks.push(fence(`ts file=${file}`, withImports(text, names)));
    return "";
  });
  const printed = [...rest.matchAll(/\/\/ prints (.*)$/gm)].map((match) => match[1]);
  const program = rest.replace(/^\/\/ prints .*\n?/gm, "").replace(/ *\/\/ prints .*$/gm, "");
  blocks.push(fence(title === "" ? "ts run" : "ts", withImports(program, names)));
  if (title !== "") blocks.unshift(`This one ${title}:`);
  if (printed.length > 0) blocks.push(fence("text output", printed.join("\n")));
  return blocks.join("\n\n");
}

function fence(language, text) {
  return `\`\`\`${language}\n${text.trim()}\n\`\`\``;
}

/** Puts imports of the public names that a program uses before it. */
function withImports(code, names) {
  const own = [...code.matchAll(/^import .*$/gm)].map((match) => match[0]);
  const body = code.replace(/^import .*\n/gm, "").trim();
  const used = body.replace(/\/\/.*$/gm, "").replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const needed = new Map();
  for (const { name, entry, kinds } of names.values()) {
    if (!isUsed(name, used)) continue;
    const from = rootEntries.includes(entry) ? packageName : `${packageName}/${entry}`;
    const type =
      kinds.every((kind) => kind === "interface" || kind === "type") ||
      !new RegExp(`\\b${name}\\b(?!\\s*[>|)&\\[])`).test(used);
    needed.set(from, [...(needed.get(from) ?? []), type ? `type ${name}` : name]);
  }
  const bare = (name) => name.replace("type ", "").toLowerCase();
  const imports = [...needed].sort().map(([from, list]) => {
    return `import { ${list.sort((a, b) => (bare(a) < bare(b) ? -1 : 1)).join(", ")} } from "${from}";`;
  });
  const all = [...own, ...imports];
  return all.length === 0 ? body : `${all.join("\n")}\n\n${body}`;
}

/** Functions are used by a call, everything else by its name; what the program declares itself is its own. */
function isUsed(name, code) {
  if (new RegExp(`\\b(function|const|let|class|import) ${name}\\b`).test(code)) return false;
  const call = /^[a-z]/.test(name) ? "(?=[(<])" : "\\b";
  return new RegExp(`(?<![.\\w])${name}${call}`).test(code);
}
