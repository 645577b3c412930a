/**
 * Where the records of a folder lie, by key: an open-addressing hash table (linear probing, at most half full) in one stretch
 * of memory, 32 bytes for each slot:
 *
 *     hash 2 × i32 | pack i32 | length, and whether the value has a file i32 | offset f64 | startedAt f64
 *
 * A look-up touches one line of memory, where a `Map` of texts to objects touches six, and that is a sixth of a hit. The keys
 * themselves are in the records: here a key is known by 64 bits of its hash, and whoever reads the record compares its name.
 * So of two keys that are taken for one, one is a miss.
 */
import type { Pack } from "./pack.js";

/** Where a record lies. */
export interface Place {
  readonly pack: Pack;
  readonly offset: number;
  readonly length: number;
  readonly startedAt: number;
  /** Hexadecimal digest of the file that holds the value. */
  readonly file?: string | undefined;
}

// Of a slot, in words of 4 bytes and in doubles of 8.
const slotWords = 8;
const slotDoubles = 4;
const otherHash = 1;
const packNumber = 2;
const lengthAndFile = 3;
const offset = 2;
const startedAt = 3;

/** The pack of a slot whose place is gone. */
const gone = 0;
/** Set in a length. */
const hasFile = 1 << 31;
const fewest = 64;

/** Of the key that was looked for last. */
let hash = 0;
let other = 0;

export class PlaceIndex {
  /** How many places there are. */
  size = 0;
  /** Slots in use, those of places that are gone included. */
  #used = 0;
  #mask = 0;
  #words = new Int32Array();
  #doubles = new Float64Array();
  readonly #packs: (Pack | undefined)[] = [undefined];
  readonly #numbers = new Map<Pack, number>();
  /** Few values are so large: by the hashes of their key. */
  readonly #files = new Map<string, string>();

  constructor() {
    this.#allocate(fewest);
  }

  get(key: string): Place | undefined {
    const slot = this.#find(key);
    return this.#words[slot * slotWords + packNumber] === gone ? undefined : this.#placeAt(slot);
  }

  set(key: string, place: Place): void {
    if (this.#used * 2 > this.#mask) this.#rebuild();
    const slot = this.#find(key);
    const word = slot * slotWords;
    const words = this.#words;
    if (words[word] === 0) this.#used++;
    if (words[word + packNumber] === gone) this.size++;
    else this.#dropFile(slot);
    words[word] = hash;
    words[word + otherHash] = other;
    words[word + packNumber] = this.#numberOf(place.pack);
    words[word + lengthAndFile] = place.length | (place.file === undefined ? 0 : hasFile);
    this.#doubles[slot * slotDoubles + offset] = place.offset;
    this.#doubles[slot * slotDoubles + startedAt] = place.startedAt;
    if (place.file !== undefined) this.#files.set(this.#nameOf(slot), place.file);
  }

  delete(key: string): void {
    const slot = this.#find(key);
    if (this.#words[slot * slotWords + packNumber] !== gone) this.#remove(slot);
  }

  /** Forgets all that lies in a pack. */
  deletePack(pack: Pack): void {
    const number = this.#numbers.get(pack);
    if (number === undefined) return;
    for (let slot = 0; slot <= this.#mask; slot++)
      if (this.#words[slot * slotWords + packNumber] === number) this.#remove(slot);
    this.#numbers.delete(pack);
    this.#packs[number] = undefined;
  }

  clear(): void {
    this.size = 0;
    this.#packs.length = 1;
    this.#numbers.clear();
    this.#files.clear();
    this.#allocate(fewest);
  }

  *values(): Generator<Place, undefined> {
    for (let slot = 0; slot <= this.#mask; slot++)
      if (this.#words[slot * slotWords + packNumber] !== gone) yield this.#placeAt(slot);
  }

  /** The slot of a key, or the empty one where it belongs. */
  #find(key: string): number {
    hashKey(key);
    const words = this.#words;
    const mask = this.#mask;
    let slot = other & mask;
    for (;;) {
      const word = slot * slotWords;
      const held = words[word];
      if (held === 0 || (held === hash && words[word + otherHash] === other)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #placeAt(slot: number): Place {
    const length = this.#words[slot * slotWords + lengthAndFile]!;
    const place = {
      pack: this.#packs[this.#words[slot * slotWords + packNumber]!]!,
      offset: this.#doubles[slot * slotDoubles + offset]!,
      length: length & ~hasFile,
      startedAt: this.#doubles[slot * slotDoubles + startedAt]!,
      file: undefined,
    };
    return length >= 0 ? place : { ...place, file: this.#files.get(this.#nameOf(slot)) };
  }

  #remove(slot: number): void {
    this.#dropFile(slot);
    this.#words[slot * slotWords + packNumber] = gone;
    this.size--;
  }

  #dropFile(slot: number): void {
    if (this.#words[slot * slotWords + lengthAndFile]! < 0) this.#files.delete(this.#nameOf(slot));
  }

  #nameOf(slot: number): string {
    return `${this.#words[slot * slotWords]} ${this.#words[slot * slotWords + otherHash]}`;
  }

  #numberOf(pack: Pack): number {
    let number = this.#numbers.get(pack);
    if (number === undefined) {
      number = this.#packs.push(pack) - 1;
      this.#numbers.set(pack, number);
    }
    return number;
  }

  /** Makes room, and leaves out what is gone. */
  #rebuild(): void {
    const words = this.#words;
    const doubles = this.#doubles;
    this.#allocate(2 ** Math.ceil(Math.log2(Math.max(fewest, this.size * 4))));
    for (let word = 0; word < words.length; word += slotWords) {
      if (words[word + packNumber] === gone) continue;
      let slot = words[word + otherHash]! & this.#mask;
      while (this.#words[slot * slotWords] !== 0) slot = (slot + 1) & this.#mask;
      // Four words and two doubles are a slot.
      for (let part = 0; part <= lengthAndFile; part++) this.#words[slot * slotWords + part] = words[word + part]!;
      for (let part = offset; part <= startedAt; part++)
        this.#doubles[slot * slotDoubles + part] = doubles[word / 2 + part]!;
      this.#used++;
    }
  }

  #allocate(slots: number): void {
    this.#used = 0;
    this.#mask = slots - 1;
    this.#words = new Int32Array(slots * slotWords);
    this.#doubles = new Float64Array(this.#words.buffer);
  }
}

/** Two hashes over the code units, each finished as MurmurHash3 is (Appleby); the first is never 0. */
function hashKey(key: string): void {
  let one = 0x811c9dc5 | 0;
  let two = 0x9747b28c | 0;
  const { length } = key;
  for (let place = 0; place < length; place++) {
    const unit = key.charCodeAt(place);
    one = Math.imul(one ^ unit, 0x01000193);
    two = Math.imul(((two << 5) | (two >>> 27)) ^ unit, 0x9e3779b1);
  }
  hash = finished(one) || 1;
  other = finished(two);
}

function finished(hashed: number): number {
  let made = Math.imul(hashed ^ (hashed >>> 16), 0x85ebca6b);
  made = Math.imul(made ^ (made >>> 13), 0xc2b2ae35);
  return made ^ (made >>> 16);
}
