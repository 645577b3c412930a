/**
 * The public surface, read from the declarations that users get (`dist/*.d.ts`): what each subpath exports, with its doc comment,
 * its members and the names that it speaks of. Read by a parser, because the native compiler has no API for programs.
 */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { readDoc } from "./doc-comment.mjs";

const kinds = {
  ClassDeclaration: "class",
  FunctionDeclaration: "function",
  TSDeclareFunction: "function",
  TSInterfaceDeclaration: "interface",
  TSTypeAliasDeclaration: "type",
  VariableDeclaration: "constant",
};

/** Reads the exports of `folder/<entry>.d.ts`; each is `{ name, entry, kinds, doc, declarations, mentions }`. */
export function readSurface(folder, entry) {
  const modules = new Map();
  const load = (path) => {
    if (!modules.has(path)) modules.set(path, readModule(`${folder}/${path}`));
    return modules.get(path);
  };
  return exportsOf(`${entry}.d.ts`, load).map(({ name, local, path }) => {
    const declarations = load(path).declarations.get(local);
    if (declarations === undefined) throw new Error(`${path} exports ${local}, which it does not declare`);
    const [documented = declarations[0]] = declarations.filter(({ doc }) => doc.text !== "" || doc.examples.length > 0);
    const mentions = new Set(declarations.flatMap((declaration) => [...declaration.mentions]));
    const find = (other) => declarationsOf(path, other, load);
    const kinds = declarations.map(({ kind }) => kind);
    return { name, entry, path, kinds, doc: documented.doc, declarations, mentions, find };
  });
}

/** The names that a module exports and where each is declared, `export *` and names that are passed on followed. */
function exportsOf(path, load) {
  const { exported, passedOn, everythingOf } = load(path);
  const resolve = (from) => posix.join(posix.dirname(path), from.replace(/\.js$/, ".d.ts"));
  return [
    ...exported.map((name) => ({ name, local: name, path })),
    ...passedOn.map(({ name, local, from }) => {
      const origin = exportsOf(resolve(from), load).find((found) => found.name === local);
      if (origin === undefined) throw new Error(`${path} exports ${local} of ${from}, which does not`);
      return { ...origin, name };
    }),
    ...everythingOf.flatMap((from) => exportsOf(resolve(from), load)),
  ];
}

/** Declarations of a name as a module sees it: its own, or imported from another file of this package. */
function declarationsOf(path, name, load) {
  const { declarations, imported } = load(path);
  if (declarations.has(name)) return declarations.get(name);
  const origin = imported.get(name);
  if (origin === undefined || !origin.from.startsWith(".")) return undefined;
  return declarationsOf(posix.join(posix.dirname(path), origin.from.replace(/\.js$/, ".d.ts")), origin.name, load);
}

function readModule(path) {
  const source = readFileSync(path, "utf8");
  const { program, comments, errors } = parseSync(path, source);
  if (errors.length > 0) throw new SyntaxError(`${path}: ${errors[0].message}`);
  const docBefore = docReader(source, comments);
  const found = {
    exported: [],
    passedOn: [],
    everythingOf: [],
    declarations: new Map(),
    imported: new Map(),
  };
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") {
      for (const { local, imported } of statement.specifiers)
        found.imported.set(local.name, { name: imported?.name ?? local.name, from: statement.source.value });
    } else if (statement.type === "ExportAllDeclaration") found.everythingOf.push(statement.source.value);
    else if (statement.type === "ExportNamedDeclaration" && statement.source) {
      for (const { local, exported } of statement.specifiers)
        found.passedOn.push({ name: exported.name, local: local.name, from: statement.source.value });
    } else {
      const node = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
      if (node == null || kinds[node.type] === undefined) continue;
      const name = (node.id ?? node.declarations[0].id).name;
      const declaration = readDeclaration(node, docBefore(statement), source, docBefore);
      found.declarations.set(name, [...(found.declarations.get(name) ?? []), declaration]);
      if (statement !== node && !found.exported.includes(name)) found.exported.push(name);
    }
  }
  return found;
}

function readDeclaration(node, doc, source, docBefore) {
  const members = node.type === "TSInterfaceDeclaration" || node.type === "ClassDeclaration" ? node.body.body : [];
  return {
    kind: kinds[node.type],
    doc,
    text: tidy(source.slice(node.start, node.end)),
    /** `interface X<T> extends Y`, without its members. */
    head: members.length > 0 ? tidy(source.slice(node.start, node.body.start)) : "",
    bases: (node.extends ?? []).map(({ expression }) => expression.name),
    members: members.filter(isPublic).map((member) => readMember(member, source, docBefore)),
    mentions: mentionsOf(node),
  };
}

function isPublic(member) {
  return (
    !/^#/.test(nameOf(member)) &&
    member.key?.type !== "PrivateIdentifier" &&
    !/private|protected/.test(member.accessibility ?? "")
  );
}

function readMember(member, source, docBefore) {
  const text = tidy(source.slice(member.start, member.end)).replace(/;$/, "");
  const annotation = member.typeAnnotation?.typeAnnotation;
  return {
    name: nameOf(member, source),
    method: /Method|Call|Constr/.test(member.type),
    optional: member.optional === true,
    computed: member.computed === true || member.type === "TSIndexSignature",
    text: text.replace(/^(declare |readonly |static )+/, (words) => (words.includes("static") ? "static " : "")),
    type: annotation
      ? tidy(source.slice(annotation.start, annotation.end))
      : text.replace(/^[^(]*/, "").replace(/\): (?=[^()]*$)/, ") => "),
    doc: docBefore(member),
  };
}

function nameOf(member, source = "") {
  if (member.type === "TSIndexSignature") return `[${member.parameters[0].name}: string]`;
  if (member.key === undefined) return "()";
  if (member.computed) return `[${source.slice(member.key.start, member.key.end)}]`;
  return member.key.name ?? String(member.key.value);
}

/** Names of types that a declaration speaks of, its own type parameters left out. */
function mentionsOf(node) {
  const mentioned = new Set();
  const own = new Set();
  const program = { type: "Program", body: [node], sourceType: "module", hashbang: null, start: 0, end: 0 };
  new Visitor({
    TSTypeReference: ({ typeName }) => typeName.type === "Identifier" && mentioned.add(typeName.name),
    TSTypeQuery: ({ exprName }) => exprName.type === "Identifier" && mentioned.add(exprName.name),
    TSInterfaceHeritage: ({ expression }) => expression.type === "Identifier" && mentioned.add(expression.name),
    TSClassImplements: ({ expression }) => expression.type === "Identifier" && mentioned.add(expression.name),
    TSTypeParameter: ({ name }) => own.add(name.name),
  }).visit(program);
  if (node.superClass?.type === "Identifier") mentioned.add(node.superClass.name);
  return new Set([...mentioned].filter((name) => !own.has(name)));
}

/** Gives the doc comment that stands directly before a node. */
function docReader(source, comments) {
  const docs = comments.filter(({ type, value }) => type === "Block" && value.startsWith("*"));
  return (node) => {
    const before = docs.filter(({ end }) => node && end <= node.start && source.slice(end, node.start).trim() === "");
    return readDoc(before.at(-1)?.value ?? "");
  };
}

function tidy(text) {
  return text.replace(/^declare /, "");
}
