/**
 * The canonical text of a value: equal for two values exactly where they are structurally equal, whatever the order in
 * which keys, maps and sets were filled. It is what digests of content are made of.
 *
 * Every piece begins with a letter for its type, and whatever has a length tells it ahead, so no two values share a text:
 * `1` is `d1;`, `"1"` is `s1:1`, `[1]` is `a1[d1;]`. Objects, maps and sets are sorted by the texts of their entries. An
 * ancestor that is met again is written as its depth, so cycles end; what is only shared is written each time. Bytes are
 * written one to a character.
 *
 * The text is over UTF-16 code units, lone surrogates included: hash it as UTF-16, because UTF-8 would make all of those
 * the same.
 *
 * What has no value that can be seen whole (functions, symbols, instances of classes, handles of this process) has no
 * text: it is refused, never left out.
 */
import { OrchestratorError } from "./error.js";

/** A value without a canonical text. `code` is `NOT_KEYABLE`. */
export class NotCanonicalError extends OrchestratorError {
  /** Where in the value: `rows[3].socket`; empty for the value itself. */
  readonly path: string;
  /** What is there: `"a function"`, `"an instance of Socket"`. */
  readonly what: string;

  constructor(path: string, what: string) {
    super("NOT_KEYABLE", `${path === "" ? "the value" : path} is ${what}, which has no canonical form`);
    this.name = "NotCanonicalError";
    this.path = path;
    this.what = what;
  }
}

export interface CanonicalOptions {
  /** Longest text in characters: sharing that unfolds without end is refused. Default 2^27. */
  readonly maximumLength?: number;
}

const deepest = 1000;
const defaultMaximum = 2 ** 27;
/** Pieces are handed on when they are about this long. */
const pieceLength = 65_536;

/** The canonical text of a value. @throws NotCanonicalError */
export function canonicalText(value: unknown, options?: CanonicalOptions): string {
  let text = "";
  writeCanonical(
    value,
    (piece) => {
      text += piece;
    },
    options,
  );
  return text;
}

/** Hands the canonical text of a value to `write` in pieces, none of which need be held. @throws NotCanonicalError */
export function writeCanonical(value: unknown, write: (piece: string) => void, options: CanonicalOptions = {}): void {
  const writer = new CanonicalWriter(write, options.maximumLength ?? defaultMaximum);
  writer.value(value);
  writer.flush();
}

/** What an object is, where its content can be seen whole. */
export type ObjectKind =
  | "array"
  | "object"
  | "null-object"
  | "map"
  | "set"
  | "date"
  | "regexp"
  | "url"
  | "array-buffer"
  | "view";

const kinds = new Map<unknown, ObjectKind>([
  [Array.prototype, "array"],
  [Object.prototype, "object"],
  [null, "null-object"],
  [Map.prototype, "map"],
  [Set.prototype, "set"],
  [Date.prototype, "date"],
  [RegExp.prototype, "regexp"],
  [ArrayBuffer.prototype, "array-buffer"],
  [DataView.prototype, "view"],
  [Int8Array.prototype, "view"],
  [Uint8Array.prototype, "view"],
  [Uint8ClampedArray.prototype, "view"],
  [Int16Array.prototype, "view"],
  [Uint16Array.prototype, "view"],
  [Int32Array.prototype, "view"],
  [Uint32Array.prototype, "view"],
  [Float32Array.prototype, "view"],
  [Float64Array.prototype, "view"],
  [BigInt64Array.prototype, "view"],
  [BigUint64Array.prototype, "view"],
]);
// Not in every realm that runs this.
const { Buffer: NodeBuffer } = globalThis as { Buffer?: { prototype: object } };
if (NodeBuffer !== undefined) kinds.set(NodeBuffer.prototype, "view");
if (typeof URL !== "undefined") kinds.set(URL.prototype, "url");

/** The kind of an object, or `undefined` where it may hold more than can be seen, as an instance of a class may. */
export function objectKind(value: object): ObjectKind | undefined {
  const kind = kinds.get(Object.getPrototypeOf(value));
  return kind === undefined || isReal(value, kind) ? kind : undefined;
}

/** Whether the object is what its prototype says: `Object.create(Map.prototype)` is no map. */
function isReal(value: object, kind: ObjectKind): boolean {
  switch (kind) {
    case "object":
    case "null-object":
      return true;
    case "array":
      return Array.isArray(value);
    case "view":
      return ArrayBuffer.isView(value) && objectKind(value.buffer) === "array-buffer";
    default:
      return answers(value, kind);
  }
}

/** These have getters and methods that only take the real thing. */
function answers(value: object, kind: ObjectKind): boolean {
  try {
    if (kind === "map") return (value as Map<unknown, unknown>).size >= 0;
    if (kind === "set") return (value as Set<unknown>).size >= 0;
    if (kind === "date") return typeof (value as Date).getTime() === "number";
    if (kind === "regexp") return typeof (value as RegExp).source === "string";
    if (kind === "url") return (value as URL).href !== "";
    return (value as ArrayBuffer).byteLength >= 0;
  } catch {
    return false;
  }
}

/** What something without a canonical text is, in words. */
export function describeUnseen(value: unknown): string {
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${value.name}`;
  if (typeof value === "symbol") return "a symbol";
  if (ArrayBuffer.isView(value)) return "a view of memory that threads share";
  const name = (value as { constructor?: { name?: unknown } })?.constructor?.name;
  return typeof name === "string" && name !== "" ? `an instance of ${name}` : "an instance of a class";
}

class CanonicalWriter {
  readonly #write: (piece: string) => void;
  readonly #maximum: number;
  readonly #path: (string | number)[] = [];
  readonly #ancestors = new Map<object, number>();
  #piece = "";
  #length = 0;

  constructor(write: (piece: string) => void, maximum: number) {
    this.#write = write;
    this.#maximum = maximum;
  }

  flush(): void {
    this.#length += this.#piece.length;
    if (this.#length > this.#maximum) throw this.#refuse(`longer than ${this.#maximum} characters`);
    if (this.#piece !== "") this.#write(this.#piece);
    this.#piece = "";
  }

  value(value: unknown): void {
    switch (typeof value) {
      case "string":
        this.#text("s", value);
        return;
      case "number":
        this.#put(`d${Object.is(value, -0) ? "-0" : value};`);
        return;
      case "boolean":
        this.#put(value ? "t" : "f");
        return;
      case "undefined":
        this.#put("u");
        return;
      case "bigint":
        this.#put(`i${value};`);
        return;
      case "object":
        if (value === null) this.#put("n");
        else this.#object(value);
        return;
      default:
        throw this.#refuse(describeUnseen(value));
    }
  }

  #object(value: object): void {
    const depth = this.#ancestors.get(value);
    if (depth !== undefined) {
      this.#put(`^${depth};`);
      return;
    }
    const kind = objectKind(value);
    if (kind === undefined) throw this.#refuse(describeUnseen(value));
    if (this.#ancestors.size >= deepest) throw this.#refuse(`nested deeper than ${deepest}`);
    this.#ancestors.set(value, this.#ancestors.size);
    this.#content(value, kind);
    this.#ancestors.delete(value);
  }

  #content(value: object, kind: ObjectKind): void {
    switch (kind) {
      case "array":
        this.#array(value as unknown[]);
        return;
      case "object":
        this.#properties("o", value, Object.keys(value));
        return;
      case "null-object":
        this.#properties("O", value, Object.keys(value));
        return;
      case "map":
        this.#entries("M", value as Map<unknown, unknown>);
        break;
      case "set":
        this.#entries("S", value as Set<unknown>);
        break;
      case "date":
        this.#put(`D${(value as Date).getTime()};`);
        break;
      case "regexp": {
        const { source, flags, lastIndex } = value as RegExp;
        this.#text("R", source);
        this.#text("", flags);
        this.#put(`${lastIndex};`);
        break;
      }
      case "url":
        this.#text("U", (value as URL).href);
        break;
      case "array-buffer":
        this.#bytes("b", new Uint8Array(value as ArrayBuffer));
        break;
      case "view": {
        const { buffer, byteOffset, byteLength } = value as Uint8Array;
        this.#bytes(
          `v${(value as object).constructor.name}:`,
          new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
        );
        // Its keys are its elements, of which there may be millions.
        this.#refuseSymbols(value);
        return;
      }
    }
    this.#extras(value, Object.keys(value));
  }

  #array(value: unknown[]): void {
    this.#put(`a${value.length}[`);
    for (let index = 0; index < value.length; index++) {
      if (!(index in value)) {
        this.#put("h");
        continue;
      }
      this.#path.push(index);
      this.value(value[index]);
      this.#path.pop();
    }
    this.#put("]");
    const keys = Object.keys(value);
    // As many keys as elements, holes not counted, unless there are others.
    if (keys.length > 0 && !isIndex(keys.at(-1)!, value.length))
      this.#extras(
        value,
        keys.filter((key) => !isIndex(key, value.length)),
      );
    else this.#refuseSymbols(value);
  }

  /** Properties that somebody has set on what is no plain object. */
  #extras(value: object, keys: readonly string[]): void {
    if (keys.length > 0) this.#properties("+", value, keys);
    else this.#refuseSymbols(value);
  }

  #properties(type: string, value: object, keys: readonly string[]): void {
    this.#refuseSymbols(value);
    this.#put(`${type}${keys.length}{`);
    for (const key of isSorted(keys) ? keys : [...keys].sort()) {
      this.#text("", key);
      this.#path.push(key);
      this.value((value as Record<string, unknown>)[key]);
      this.#path.pop();
    }
    this.#put("}");
  }

  #refuseSymbols(value: object): void {
    const symbols = Object.getOwnPropertySymbols(value);
    if (symbols.length === 0) return;
    throw this.#refuse(`an object with a property named by ${String(symbols[0])}`);
  }

  /** Each entry becomes a text of its own, so that they can be sorted. */
  #entries(type: string, entries: Map<unknown, unknown> | Set<unknown>): void {
    const texts: string[] = [];
    for (const entry of entries) {
      let text = "";
      const inner = new CanonicalWriter((piece) => {
        text += piece;
      }, this.#maximum - this.#length);
      inner.#inherit(this, texts.length);
      if (entries instanceof Map) {
        const [key, value] = entry as [unknown, unknown];
        inner.value(key);
        inner.value(value);
      } else inner.value(entry);
      inner.flush();
      texts.push(text);
    }
    this.#put(`${type}${texts.length}{`);
    for (const text of texts.sort()) this.#put(text);
    this.#put("}");
  }

  #inherit(outer: CanonicalWriter, entry: number): void {
    this.#path.push(...outer.#path, entry);
    for (const [ancestor, depth] of outer.#ancestors) this.#ancestors.set(ancestor, depth);
  }

  #text(type: string, text: string): void {
    this.#put(`${type}${text.length}:`);
    this.#put(text);
  }

  #bytes(type: string, bytes: Uint8Array): void {
    this.#put(`${type}${bytes.length}:`);
    for (let at = 0; at < bytes.length; at += 4096)
      this.#put(String.fromCharCode.apply(undefined, bytes.subarray(at, at + 4096) as unknown as number[]));
  }

  #put(text: string): void {
    this.#piece += text;
    if (this.#piece.length >= pieceLength) this.flush();
  }

  #refuse(what: string): NotCanonicalError {
    return new NotCanonicalError(pathText(this.#path), what);
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index++) if (keys[index - 1]! > keys[index]!) return false;
  return true;
}

function isIndex(key: string, length: number): boolean {
  const number = Number(key);
  return number >= 0 && number < length && String(number) === key;
}

function pathText(path: readonly (string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}
