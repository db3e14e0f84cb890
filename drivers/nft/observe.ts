/**
 * What the kernel shows of a table, from the JSON of `nft` (libnftables-json(5)). Pure.
 *
 * @module
 */
import { type Elements, noElements, setNames, type TableSpec } from "./table.ts";

/** One object of `nft -j list table`. */
export interface NftObject {
  table?: { family: string; name: string };
  set?: { name: string; elem?: unknown[] };
  map?: { name: string; elem?: unknown[] };
  chain?: { name: string };
  rule?: { chain: string };
}

/** An operand in nft's own syntax; `quote`: the first, or the only, word is the name of a link. */
function operand(value: unknown, quote: "all" | "first" | "none"): string {
  if (typeof value === "object" && value !== null) {
    const { concat, prefix, elem, goto } = value as {
      goto?: { target: string };
      concat?: unknown[];
      prefix?: { addr: string; len: number };
      elem?: { val: unknown };
    };
    if (Array.isArray(concat)) {
      const rest = quote === "first" ? "none" : quote;
      return concat.map((part, i) => operand(part, i === 0 ? quote : rest)).join(" . ");
    }
    if (prefix) return `${prefix.addr}/${prefix.len}`;
    if (goto) return `goto ${goto.target}`;
    if (elem) return operand(elem.val, quote);
  }
  const word = typeof value === "object" ? JSON.stringify(value) : String(value);
  return quote === "none" ? word : `"${word}"`;
}

/** Which words of a set's elements are names of links, by its type. */
function quoting(spec: TableSpec, name: string): "all" | "first" | "none" {
  if (!spec.quoted.includes(name)) return "none";
  const type = spec.sets[name]!;
  return /ifname \. (?!ifname)|iifname \./.test(type) ? "first" : "all";
}

/**
 * The elements of a listed table; `undefined` when sets, chains or rules are missing or foreign, so that the table
 * has to be replaced.
 */
export function readTable(spec: TableSpec, objects: NftObject[]): Elements | undefined {
  const elements = noElements([spec]);
  const names = setNames([spec]);
  const seen = new Set<string>();
  const rules = new Map<string, number>();
  for (const object of objects) {
    const named = object.set ?? object.map;
    if (named) {
      if (!names.includes(named.name)) return undefined;
      seen.add(named.name);
      const quote = quoting(spec, named.name);
      for (const e of named.elem ?? []) {
        elements[named.name]!.add(
          object.map && Array.isArray(e)
            ? `${operand(e[0], "none")} : ${operand(e[1], "none")}`
            : operand(e, quote),
        );
      }
    }
    if (object.chain) seen.add(object.chain.name);
    if (object.rule) rules.set(object.rule.chain, (rules.get(object.rule.chain) ?? 0) + 1);
  }
  const whole = [...names, ...Object.keys(spec.chains)].every((name) => seen.has(name)) &&
    Object.entries(spec.chains).every(([name, chain]) => rules.get(name) === chain.rules.length);
  return whole ? elements : undefined;
}
