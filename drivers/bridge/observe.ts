/**
 * What the kernel shows, from the JSON of `nft`, in the terms of rules. Pure.
 *
 * @module
 */
import { CHAINS, type Elements, noElements, SET_NAMES } from "./rules.ts";

/** One object of `nft -j list table`. */
export interface NftObject {
  set?: { name: string; elem?: unknown[] };
  map?: { name: string; elem?: unknown[] };
  chain?: { name: string };
  rule?: { chain: string };
}

/** An operand in nft's own syntax. */
function operand(value: unknown, quote: boolean): string {
  if (typeof value === "object" && value !== null) {
    const { concat, prefix, elem } = value as {
      concat?: unknown[];
      prefix?: { addr: string; len: number };
      elem?: { val: unknown };
    };
    if (concat) return concat.map((part) => operand(part, quote)).join(" . ");
    if (prefix) return `${prefix.addr}/${prefix.len}`;
    if (elem) return operand(elem.val, quote);
  }
  return quote ? `"${value}"` : String(value);
}

/**
 * The elements of a listed table; `undefined` when sets, chains or rules are missing or foreign, so
 * that the table has to be replaced.
 */
export function readTable(objects: NftObject[]): Elements | undefined {
  const elements = noElements();
  const seen = new Set<string>();
  const rules = new Map<string, number>();
  for (const object of objects) {
    const named = object.set ?? object.map;
    if (named) {
      if (!(SET_NAMES as string[]).includes(named.name)) return undefined;
      seen.add(named.name);
      const quote = ["bridges", "same", "open", "internal"].includes(named.name);
      for (const e of named.elem ?? []) {
        elements[named.name as keyof Elements].add(
          object.map && Array.isArray(e)
            ? `${operand(e[0], false)} : ${operand(e[1], false)}`
            : operand(e, quote),
        );
      }
    }
    if (object.chain) seen.add(object.chain.name);
    if (object.rule) rules.set(object.rule.chain, (rules.get(object.rule.chain) ?? 0) + 1);
  }
  const whole = [...SET_NAMES, ...Object.keys(CHAINS)].every((name) => seen.has(name)) &&
    Object.entries(CHAINS).every(([name, chain]) => rules.get(name) === chain.rules.length);
  return whole ? elements : undefined;
}

/** Whether two tables hold the same elements. */
export function sameElements(a: Elements, b: Elements): boolean {
  return SET_NAMES.every((name) =>
    a[name].size === b[name].size && [...a[name]].every((element) => b[name].has(element))
  );
}
