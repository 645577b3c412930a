/** What a page needs to know of all the others: where each name is explained. */

export function makeContext(names, file) {
  const addressOf = (name) => {
    const { page } = names.get(name);
    return `${page === file ? "" : page}#${name.toLowerCase()}`;
  };
  const reference = (name) => `[\`${name}\`](${addressOf(name)})`;
  return {
    names,
    generated: "<!-- Made from doc comments by scripts/build-reference.mjs; do not edit. -->",
    /** Prose in which public names in backticks lead to where they are explained. */
    link: (text, self) =>
      text.replace(/(?<!\[)`(\w+)`/g, (all, name) =>
        name !== self && /^[A-Z]/.test(name) && names.has(name) ? reference(name) : all,
      ),
    /** A type in which public names lead to where they are explained. */
    linkType(type, self) {
      const pieces = type.replace(/\s*\n\s*/g, " ").split(/\b([A-Z]\w+)\b/);
      let text = "";
      let run = "";
      const flush = () => {
        if (run.trim() !== "") text += `${/^\s/.test(run) ? " " : ""}\`${run.trim()}\`${/\s$/.test(run) ? " " : ""}`;
        run = "";
      };
      for (const [index, piece] of pieces.entries()) {
        if (index % 2 === 1 && piece !== self && names.has(piece)) {
          flush();
          text += reference(piece);
        } else run += piece;
      }
      flush();
      return text;
    },
    /** Interfaces that an interface extends: `{ name, exported, members }`, those of the ones that are not exported too. */
    basesOf(item) {
      const walk = (bases) =>
        bases.flatMap((name) => {
          if (names.has(name)) return [{ name, exported: true, members: [] }];
          const [base] = item.find(name) ?? [];
          if (base === undefined) return [];
          return [...walk(base.bases), { name, exported: false, members: base.members }];
        });
      return walk(item.declarations[0].bases ?? []);
    },
  };
}
