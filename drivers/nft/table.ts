/**
 * netsvc's nftables tables as values, and the scripts that create and change them (nft(8)). Pure.
 *
 * Rules are constant; what changes are elements of sets and maps, so a change is one small transaction,
 * and a whole table can be replaced in one without touching connections.
 *
 * @module
 */

/** A table: its constant parts. */
export interface TableSpec {
  /** Family and name. */
  name: string;
  /** Sets with their types. */
  sets: Readonly<Record<string, string>>;
  /** Maps with their types. */
  maps: Readonly<Record<string, string>>;
  /** Sets of names of links, which nft writes in quotes. */
  quoted: readonly string[];
  /** Chains by name: the hook (empty for those that other chains' rules go to) and the rules. */
  chains: Readonly<Record<string, { hook: string; rules: readonly string[] }>>;
}

/** Elements by set or map, in nft's syntax. Names are unique over the tables that belong together. */
export type Elements = Record<string, Set<string>>;

/** Names of all sets and maps. */
export function setNames(specs: readonly TableSpec[]): string[] {
  return specs.flatMap(({ sets, maps }) => [...Object.keys(sets), ...Object.keys(maps)]);
}

export function noElements(specs: readonly TableSpec[]): Elements {
  return Object.fromEntries(setNames(specs).map((name) => [name, new Set<string>()]));
}

/** Adds the elements of others to `elements`. */
export function addElements(elements: Elements, ...others: Partial<Elements>[]): Elements {
  for (const other of others) {
    for (const [name, more] of Object.entries(other)) {
      for (const element of more ?? []) elements[name]!.add(element);
    }
  }
  return elements;
}

/** All parts merged into one. */
export function merged(parts: Partial<Elements>[]): Partial<Elements> {
  const names = new Set(parts.flatMap((part) => Object.keys(part)));
  const all: Elements = Object.fromEntries([...names].map((name) => [name, new Set<string>()]));
  return addElements(all, ...parts);
}

/** The effect of a change on elements, for the sets that it touches. */
export interface ElementChange {
  added: Elements;
  removed: Elements;
}

/**
 * The effect of removing `remove` and then adding `add`; looks at no other elements, however many there are.
 */
export function changeOf(
  elements: Elements,
  { add, remove }: { add: Partial<Elements>; remove: Partial<Elements> },
): ElementChange {
  const change: ElementChange = { added: {}, removed: {} };
  for (const name of new Set([...Object.keys(add), ...Object.keys(remove)])) {
    const there = elements[name]!;
    const wanted = add[name] ?? new Set();
    change.added[name] = wanted.difference(there);
    change.removed[name] = (remove[name] ?? new Set()).intersection(there).difference(wanted);
  }
  return change;
}

/** The effect of several changes, each of which began with the elements that the one before it left. */
export function netChange(changes: readonly ElementChange[]): ElementChange {
  const net: ElementChange = { added: {}, removed: {} };
  const move = (element: string, name: string, [from, to]: [Elements, Elements]) => {
    if (!from[name]?.delete(element)) (to[name] ??= new Set()).add(element);
  };
  for (const { added, removed } of changes) {
    for (const [name, less] of Object.entries(removed)) {
      for (const element of less) move(element, name, [net.added, net.removed]);
    }
    for (const [name, more] of Object.entries(added)) {
      for (const element of more) move(element, name, [net.removed, net.added]);
    }
  }
  return net;
}

/** Applies a change to elements; to undo it, swap `added` and `removed`. */
export function applyChange(elements: Elements, { added, removed }: ElementChange): void {
  for (const [name, more] of Object.entries(added)) for (const e of more) elements[name]!.add(e);
  for (const [name, less] of Object.entries(removed)) {
    for (const e of less) elements[name]!.delete(e);
  }
}

/** Whether both hold the same elements. */
export function sameElements(a: Elements, b: Elements): boolean {
  return Object.keys(a).every((name) =>
    a[name]!.size === b[name]!.size && [...a[name]!].every((element) => b[name]!.has(element))
  );
}

/** Statements that add or delete elements; empty without elements. */
export function elementScript(
  specs: readonly TableSpec[],
  { verb, elements }: { verb: "add" | "delete"; elements: Elements },
): string {
  return specs.flatMap((spec) =>
    setNames([spec]).flatMap((name) => {
      if (!elements[name]?.size) return [];
      const list = [...elements[name]].map((e) => verb === "delete" ? keyOf(spec, name, e) : e);
      return [`${verb} element ${spec.name} ${name} { ${list.join(", ")} }\n`];
    })
  ).join("");
}

/** The part of an element that identifies it: in a map, the part before the data. */
function keyOf({ maps }: TableSpec, name: string, element: string): string {
  return name in maps ? element.slice(0, element.indexOf(" : ")) : element;
}

/** Replaces whole tables, atomically. */
export function tableScript(specs: readonly TableSpec[], elements: Elements): string {
  return specs.map((spec) => oneTable(spec, elements)).join("");
}

function oneTable({ name: table, sets, maps, chains }: TableSpec, elements: Elements): string {
  const set = (kind: "set" | "map") => ([name, type]: [string, string]) => {
    const list = [...elements[name]!].join(", ");
    return `  ${kind} ${name} { ${type} ${list === "" ? "" : `elements = { ${list} };`} }\n`;
  };
  return [
    // Deleting a table fails unless it exists.
    `add table ${table}\ndelete table ${table}\ntable ${table} {\n`,
    ...Object.entries(sets).map(set("set")),
    ...Object.entries(maps).map(set("map")),
    // Chains that others go to come first; those at a hook are declared first, so they are last here.
    ...Object.entries(chains).toReversed().map(([name, { hook, rules }]) =>
      `  chain ${name} {\n    ${hook}\n${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`
    ),
    "}\n",
  ].join("");
}
