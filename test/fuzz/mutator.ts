/** Makes inputs out of others: bytes, numbers, words, lines and whole pieces are changed, doubled, dropped and mixed. */

const interestingBytes = [0, 1, 9, 10, 13, 32, 34, 39, 45, 47, 58, 92, 123, 125, 127, 128, 192, 254, 255];
const interestingNumbers = ["0", "-1", "1e309", "9007199254740993", "4294967296", "-0", "NaN", "0.1", "1_000", "0x10"];

export class Mutator {
  readonly #random: () => number;
  readonly #words: readonly Buffer[];
  readonly #longest: number;

  constructor(random: () => number, words: readonly string[], longest: number) {
    this.#random = random;
    this.#words = words.map((word) => Buffer.from(word));
    this.#longest = longest;
  }

  /** A new input out of the corpus: one entry, changed one to eight times. */
  next(corpus: readonly Buffer[]): Buffer {
    let input = corpus[this.#below(corpus.length)]!;
    for (let times = 1 + this.#below(8); times > 0; times--) input = this.#change(input, corpus);
    return input.subarray(0, this.#longest);
  }

  #change(input: Buffer, corpus: readonly Buffer[]): Buffer {
    const at = this.#below(input.length + 1);
    const length = Math.min(this.#length(), input.length - at);
    const piece = input.subarray(at, at + length);
    const replaced = (by: Buffer, end = at + length) => Buffer.concat([input.subarray(0, at), by, input.subarray(end)]);
    switch (this.#below(9)) {
      case 0:
        return this.#flipped(input);
      case 1:
        return replaced(Buffer.of(interestingBytes[this.#below(interestingBytes.length)]!), at + 1);
      case 2:
        return replaced(Buffer.alloc(0));
      case 3:
        return replaced(Buffer.concat([piece, piece]));
      case 4:
        return replaced(this.#word(), this.#random() < 0.5 ? at : at + length);
      case 5:
        return this.#withOtherNumber(input);
      case 6:
        return this.#withOtherLines(input);
      case 7: {
        const other = corpus[this.#below(corpus.length)]!;
        const from = this.#below(other.length + 1);
        return replaced(other.subarray(from, from + this.#length()));
      }
      default: {
        const other = corpus[this.#below(corpus.length)]!;
        return Buffer.concat([input.subarray(0, at), other.subarray(this.#below(other.length + 1))]);
      }
    }
  }

  #flipped(input: Buffer): Buffer {
    if (input.length === 0) return input;
    const copy = Buffer.from(input);
    copy[this.#below(copy.length)]! ^= 1 << this.#below(8);
    return copy;
  }

  #withOtherNumber(input: Buffer): Buffer {
    const text = input.toString("latin1");
    const numbers = [...text.matchAll(/\d+/g)];
    if (numbers.length === 0) return input;
    const { index, 0: digits } = numbers[this.#below(numbers.length)]!;
    const other = interestingNumbers[this.#below(interestingNumbers.length)]!;
    return Buffer.from(text.slice(0, index) + other + text.slice(index + digits.length), "latin1");
  }

  #withOtherLines(input: Buffer): Buffer {
    const lines = input.toString("latin1").split("\n");
    const one = this.#below(lines.length);
    const other = this.#below(lines.length);
    const how = this.#below(3);
    if (how === 0) lines.splice(one, 1);
    else if (how === 1) lines.splice(one, 0, lines[other]!);
    else [lines[one], lines[other]] = [lines[other]!, lines[one]!];
    return Buffer.from(lines.join("\n"), "latin1");
  }

  #word(): Buffer {
    return this.#words.length === 0 ? Buffer.alloc(0) : this.#words[this.#below(this.#words.length)]!;
  }

  /** Mostly short, sometimes long. */
  #length(): number {
    return Math.ceil(2 ** (this.#random() * 9));
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
