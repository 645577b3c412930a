/** Walks the nodes of a parsed YAML document: turns them into data, and finds the node of a path. */
import { type Alias, isAlias, isMap, isNode, isPair, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import { nearestName } from "../model/check.js";
import type { SourceRange } from "./problem.js";

/** Ends the reading: throws. */
type Refuse = (node: Node, message: string) => never;

interface KeyAndValue {
  readonly key?: Node;
  readonly value: Node | null;
}

export class NodeReader {
  readonly #root: Node | null;
  readonly #limits: { readonly depth: number; readonly values: number };
  readonly #refuse: Refuse;
  readonly #targets: ReadonlyMap<Alias, Node>;
  /** Nodes that are being read: an alias to one of them would be a cycle. */
  readonly #open = new Set<Node>();
  #values = 0;

  constructor(root: Node | null, limits: { readonly depth: number; readonly values: number }, refuse: Refuse) {
    this.#root = root;
    this.#limits = limits;
    this.#refuse = refuse;
    this.#targets = resolveAliases(root, refuse);
  }

  /** The whole document as data of its own: no shared objects, no cycles. */
  read(): unknown {
    return this.#read(this.#root, 0);
  }

  /** The key and value that `step` names in a map or list. */
  step(node: Node | null | undefined, step: string | number): KeyAndValue | undefined {
    const target = isAlias(node) ? this.#targets.get(node) : node;
    if (isSeq(target))
      return typeof step === "number" && step in target.items ? { value: nodeOf(target.items[step]) } : undefined;
    return isMap(target) ? this.#pairsOf(target, 0).get(String(step)) : undefined;
  }

  #read(node: Node | null, depth: number): unknown {
    if (node === null) return null;
    if (++this.#values > this.#limits.values)
      this.#refuse(node, `more than ${this.#limits.values} values, with aliases expanded`);
    if (depth > this.#limits.depth) this.#refuse(node, `nested deeper than ${this.#limits.depth} levels`);
    if (isScalar(node)) return this.#readScalar(node);
    const target = isAlias(node) ? this.#targets.get(node)! : node;
    if (isScalar(target)) return this.#readScalar(target);
    if (this.#open.has(target)) this.#refuse(node, "this alias stands inside its own anchor");
    this.#open.add(target);
    const value = isSeq(target)
      ? target.items.map((item) => this.#read(nodeOf(item), depth + 1))
      : this.#readMap(target, depth);
    this.#open.delete(target);
    return value;
  }

  #readScalar(node: Node & { value: unknown }): unknown {
    if (typeof node.value === "number" && !Number.isFinite(node.value))
      this.#refuse(node, "infinity and not-a-number are not taken");
    return node.value ?? null;
  }

  #readMap(node: Node, depth: number): Record<string, unknown> {
    if (!isMap(node)) return this.#refuse(node, "takes plain values, lists and maps");
    const map: Record<string, unknown> = {};
    for (const [key, pair] of this.#pairsOf(node, 0)) map[key] = this.#read(pair.value, depth + 1);
    return map;
  }

  /** The pairs of a map, those of its merge keys (`<<: *defaults`) included; its own pairs win. */
  #pairsOf(map: YAMLMap, mergeDepth: number): Map<string, KeyAndValue> {
    const merged = new Map<string, KeyAndValue>();
    const own = new Map<string, KeyAndValue>();
    for (const item of map.items) {
      const key = item.key as Node;
      const text = String(isScalar(key) ? key.value : "");
      if (text === "__proto__") this.#refuse(key, "this key is not taken");
      if (text !== "<<") own.set(text, { key, value: nodeOf(item.value) });
      else
        for (const [name, pair] of this.#merge(key, nodeOf(item.value), mergeDepth))
          if (!merged.has(name)) merged.set(name, pair);
    }
    for (const [name, pair] of own) merged.set(name, pair);
    return merged;
  }

  #merge(key: Node, value: Node | null, mergeDepth: number): Map<string, KeyAndValue> {
    if (mergeDepth >= this.#limits.depth) this.#refuse(key, `merged deeper than ${this.#limits.depth} levels`);
    const sources = isSeq(value) ? (value.items as Node[]) : [value];
    const pairs = new Map<string, KeyAndValue>();
    for (const source of sources) {
      const target = isAlias(source) ? this.#targets.get(source) : source;
      if (!isMap(target)) return this.#refuse(key, "`<<` merges a map, or a list of maps");
      for (const [name, pair] of this.#pairsOf(target, mergeDepth + 1)) {
        if (++this.#values > this.#limits.values)
          this.#refuse(key, `more than ${this.#limits.values} values, with aliases expanded`);
        if (!pairs.has(name)) pairs.set(name, pair);
      }
    }
    return pairs;
  }
}

/** The characters of a node. */
export function rangeOf(node: Node): SourceRange {
  const [start, end] = node.range ?? [0, 1, 1];
  return { start, end: Math.max(start + 1, end) };
}

function nodeOf(value: unknown): Node | null {
  return isNode(value) ? value : null;
}

/** What each alias stands for: the last anchor of its name before it, as YAML has it. */
function resolveAliases(root: Node | null, refuse: Refuse): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const node = pending.pop();
    if (isPair(node)) pending.push(node.value, node.key);
    if (!isNode(node)) continue;
    if (isAlias(node)) targets.set(node, anchors.get(node.source) ?? unknownAnchor(node, anchors, refuse));
    else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (isMap(node) || isSeq(node))
      for (let index = node.items.length - 1; index >= 0; index--) pending.push(node.items[index]);
  }
  return targets;
}

function unknownAnchor(alias: Alias, anchors: ReadonlyMap<string, Node>, refuse: Refuse): never {
  const nearest = nearestName(alias.source, anchors.keys());
  return refuse(
    alias,
    `no anchor &${alias.source} stands before this${nearest === undefined ? "" : `; did you mean *${nearest}?`}`,
  );
}
