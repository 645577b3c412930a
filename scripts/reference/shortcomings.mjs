/** What public names lack that their readers need. */

/** Members that say all by their name and type: the mark of a union, and what every such class has. */
const evident = (member) =>
  /^(true|false|undefined|"[^"]*"|typeof \w+)$/.test(member.type) ||
  /^(constructor|close|\[.*|\(\))$/.test(member.name);

export function shortcomings(names) {
  return [...names.values()].flatMap((item) => {
    const { name, kinds, doc, declarations } = item;
    const found = [];
    const must = (holds, what) => void (holds || found.push(`${item.entry}: ${name} ${what}`));
    must(doc.text !== "", "has no doc comment");
    const value = kinds.some((kind) => kind === "class" || kind === "function");
    const documented = declarations.flatMap((declaration) => [
      declaration.doc,
      ...declaration.members.map((member) => member.doc),
    ]);
    must(!value || documented.some(({ examples }) => examples.length > 0) || isTypeOnly(item), "has no example");
    for (const { members } of declarations) {
      for (const member of members) {
        if (evident(member)) continue;
        const overloads = members.filter((other) => other.name === member.name);
        const text = overloads.map((other) => other.doc.text).join(" ");
        must(text !== "", `.${member.name} has no doc comment`);
        if (!isOption(name, member)) continue;
        must(/default|absent|where (it|there)|only where/i.test(text), `.${member.name} does not say its default`);
      }
    }
    return found;
  });
}

/** Errors and results are made by the engine and shown in the examples of what gives them. */
function isTypeOnly({ name, kinds }) {
  return /Error$/.test(name) || (kinds[0] === "class" && /^(Run|RunResults)$/.test(name));
}

/** What a caller may leave out of something that is called Options, Config or Policy. */
function isOption(name, { optional, method }) {
  return optional && !method && /(Options|Config|Policy)$/.test(name);
}
