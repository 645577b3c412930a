/** Pages of the reference as Markdown. */
import { summaryOf } from "./doc-comment.mjs";
import { exampleBlocks } from "./examples.mjs";
import { opaque } from "./pages.mjs";

/** Orders the names of a page: the first ones, each followed by the types that it speaks of and that have no place yet. */
export function orderNames(names, first) {
  const placed = new Set();
  const place = (name) => {
    if (placed.has(name) || !names.has(name)) return;
    placed.add(name);
    for (const mentioned of names.get(name).mentions) if (!first.includes(mentioned)) place(mentioned);
  };
  for (const name of [...first, ...names.keys()]) place(name);
  return [...placed].map((name) => names.get(name));
}

export function renderPage({ title, intro, first }, names, context) {
  const ordered = orderNames(names, first);
  const rows = ordered.map(
    ({ name, kinds, doc }) =>
      `| [\`${name}\`](#${name.toLowerCase()}) | ${kinds[0]} | ${cell(context.link(summaryOf(doc), name))} |`,
  );
  return [
    `# ${title}`,
    context.generated,
    intro,
    ["| name | | |", "|---|---|---|", ...rows].join("\n"),
    ...ordered.map((item) => renderName(item, context)),
    "",
  ]
    .join("\n\n")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/\n+$/, "\n");
}

function renderName(item, context) {
  const { name, kinds, doc, declarations } = item;
  const parts = [`## ${name}`, context.link(doc.text, name)];
  if (kinds[0] === "class") parts.push(...renderClass(item, context));
  else if (kinds[0] === "interface") parts.push(...renderInterface(item, context));
  else {
    parts.push(code(declarations.map((declaration) => spellOut(declaration, item)).join("\n")));
    parts.push(...renderHelpers(item, context));
  }
  if (kinds[0] === "function")
    parts.push(...declarations.flatMap((declaration) => renderDetails(declaration.doc, name, context)));
  else parts.push(...renderDetails(doc, name, context));
  return parts.filter((part) => part !== "").join("\n\n");
}

function renderDetails({ parameters, returns, throws, examples }, name, context) {
  return [
    parameters.map(({ parameter, meaning }) => `- \`${parameter}\`: ${context.link(flat(meaning), name)}`).join("\n"),
    returns === "" ? "" : `Gives ${context.link(flat(returns), name)}`,
    ...throws.map((what) => `Throws ${context.link(flat(what), name)}`),
    ...examples.map((example) => exampleBlocks(example, context.names)),
  ];
}

function renderInterface(item, context) {
  const [declaration] = item.declarations;
  const inherited = context.basesOf(item).filter(({ exported }) => exported);
  const members = [
    ...context
      .basesOf(item)
      .filter(({ exported }) => !exported)
      .flatMap((base) => base.members),
    ...declaration.members,
  ];
  const rows = members.map(({ name, method, optional, type, text, doc }) => {
    const shown = context.linkType(method ? text.slice(name.length) : type, item.name);
    const what = [doc.text, ...doc.throws.map((thrown) => `Throws ${thrown}`)].filter(Boolean).join(" ");
    return `| \`${name}${optional ? "?" : ""}\` | ${cell(shown)} | ${cell(context.link(flat(what), item.name))} |`;
  });
  return [
    /[<]| extends /.test(declaration.head) ? code(declaration.head.trim()) : "",
    rows.length > 0 ? ["| field | type | |", "|---|---|---|", ...rows].join("\n") : "",
    inherited.length > 0
      ? `And all of ${inherited.map(({ name }) => context.link(`\`${name}\``, "")).join(", ")}.`
      : "",
    ...renderHelpers(item, context),
  ];
}

function renderClass(item, context) {
  const [declaration] = item.declarations;
  const object = objectName(item.name);
  const shown = declaration.members.filter(
    ({ doc, name }) => name !== "constructor" || doc.text !== "" || doc.throws.length > 0,
  );
  const fields = shown.filter(({ method, text }) => !method || /^get /.test(text));
  const methods = groupByName(shown.filter((member) => !fields.includes(member)));
  return [
    code(declaration.head.trim()),
    ...renderHelpers(item, context),
    ...methods.map(([name, overloads]) => {
      const title =
        name === "constructor"
          ? `new ${item.name}()`
          : name.startsWith("[")
            ? `${object}${name}()`
            : `${object}.${name}()`;
      return [
        `### ${title}`,
        code(overloads.map(({ text }) => text).join("\n")),
        ...overloads.flatMap(({ doc }) => [
          context.link(doc.text, item.name),
          ...renderDetails(doc, item.name, context),
        ]),
      ]
        .filter(Boolean)
        .join("\n\n");
    }),
    fields.length === 0
      ? ""
      : [
          `### Fields of ${item.name}`,
          "",
          "| field | type | |",
          "|---|---|---|",
          ...fields.map(({ name, type, text, doc }) => {
            const shownType = /^get /.test(text) ? text.replace(/^get [^:]*: /, "") : type;
            return `| \`${name}\` | ${cell(context.linkType(shownType, item.name))} | ${cell(context.link(flat(doc.text), item.name))} |`;
          }),
        ].join("\n"),
  ];
}

function groupByName(members) {
  const groups = new Map();
  for (const member of members) groups.set(member.name, [...(groups.get(member.name) ?? []), member]);
  return [...groups];
}

/** Types that the declaration speaks of and that have no name outside. */
function renderHelpers(item, context) {
  const found = new Map();
  const collect = (mentions) => {
    for (const name of mentions) {
      if (found.has(name) || name === item.name || context.names.has(name) || opaque.has(name)) continue;
      const declarations = item.find(name);
      if (declarations === undefined || context.basesOf(item).some((base) => base.name === name)) continue;
      if (declarations[0].kind === "constant" || /WorkTypes$/.test(name)) continue;
      found.set(name, declarations[0].text);
      collect(declarations[0].mentions);
    }
  };
  collect(item.mentions);
  return found.size === 0 ? [] : ["Where", code([...found.values()].join("\n"))];
}

/** `(typeof words)[number]` as the words themselves. */
function spellOut({ text }, item) {
  return text.replace(/\(typeof (\w+)\)\[(number|keyof typeof \1)\]/, (all, name, index) => {
    const listed = index === "number" ? item.find(name)?.[0].text : undefined;
    const words = listed
      ?.replace(/^[^[]*\[|\];?$/g, "")
      .trim()
      .replace(/,?\s*$/, "");
    return words === undefined ? all : words.replace(/,(\s)/g, " |$1").replace(/ +\n/g, "\n");
  });
}

function objectName(className) {
  const words = className.split(/(?=[A-Z])/);
  return words.at(-1).toLowerCase();
}

function code(text) {
  return `\`\`\`ts fragment\n${text.replace(/^( {4})+/gm, (spaces) => " ".repeat(spaces.length / 2)).trim()}\n\`\`\``;
}

function flat(text) {
  return text.replace(/\s*\n\s*/g, " ").trim();
}

function cell(text) {
  return flat(text).replace(/(?<!\\)\|/g, "\\|");
}
