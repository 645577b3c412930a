/** JSON that hostile code may have written, parsed so that neither parsing it nor walking the result can hurt. */

export type ParsedJson = { readonly value: unknown } | { readonly problem: string };

/** Deeper data would overflow the stack of whoever clones or prints it. */
export const deepestValue = 200;

export function parseBoundedJson(text: string): ParsedJson {
  if (nestingOf(text) > deepestValue) return { problem: `it is nested deeper than ${deepestValue} levels` };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { problem: "it is no valid JSON" };
  }
}

/** Deepest nesting of arrays and objects, strings left out. */
function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}
