/** Texts that repeat, kept once and known by their index. Holds no more than so many; all further ones share one index. */
export class TextTable {
  readonly texts: string[] = [];
  readonly #indexes = new Map<string, number>();
  readonly #most: number;
  readonly #rest: string;

  constructor(most: number, rest: string) {
    this.#most = most;
    this.#rest = rest;
  }

  index(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    if (this.texts.length >= this.#most && text !== this.#rest) return this.index(this.#rest);
    this.#indexes.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}
