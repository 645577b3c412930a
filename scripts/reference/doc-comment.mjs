/**
 * A doc comment as data. Its tags:
 *
 *     @example           a program that runs as it stands; `// prints x` behind a line says what it prints. Its imports are written for it
 *     @example needs x   a program that is type-checked only, because it needs x
 *     @throws            what, and when
 *     @param name        what it is
 *     @returns           what comes back
 */
export function readDoc(comment) {
  const doc = { text: "", examples: [], throws: [], parameters: [], returns: "" };
  const lines = comment
    .replace(/^\*/, "")
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""));
  const [text, ...tags] = lines
    .join("\n")
    .trim()
    .split(/^@(?=[a-z])/m);
  doc.text = text.trim();
  for (const tag of tags) {
    const [, name, rest] = /^(\w+)([\s\S]*)$/.exec(tag);
    if (name === "example") doc.examples.push(readExample(rest));
    else if (name === "throws") doc.throws.push(rest.trim());
    else if (name === "returns") doc.returns = rest.trim();
    else if (name === "param") {
      const [, parameter, meaning] = /^\s*(\S+)\s+(?:- )?([\s\S]*)$/.exec(rest);
      doc.parameters.push({ parameter, meaning: meaning.trim() });
    } else throw new Error(`a doc comment has the tag @${name}, which means nothing here: ${comment}`);
  }
  return doc;
}

function readExample(rest) {
  const [title, ...lines] = rest.split("\n");
  return { title: title.trim(), code: lines.join("\n").replace(/^\n+|\s+$/g, "") };
}

/** The first sentence. */
export function summaryOf({ text }) {
  const plain = text.split("\n\n")[0].replace(/\s+/g, " ");
  return /^.*?[.!?](?= [A-Z`*]|$)/.exec(plain)?.[0] ?? plain;
}
