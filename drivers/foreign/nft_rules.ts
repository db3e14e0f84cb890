/**
 * The chains at the forward hook from the JSON of `nft list ruleset` (libnftables-json(5)). Pure.
 *
 * @module
 */
import { type Cidr, makeCidr, tryParseIp } from "../../lib/ip/cidr.ts";
import type { Action, Condition, Filter, Rule } from "./packet_filter.ts";

interface NftChain {
  family: string;
  table: string;
  name: string;
  hook?: string;
  policy?: string;
}

/** A rule of the ruleset's listing. */
export interface NftRule {
  family: string;
  table: string;
  chain: string;
  handle?: number;
  comment?: string;
  expr: Record<string, unknown>[];
}

/** One object of the ruleset's listing. */
export interface NftListed {
  chain?: NftChain;
  rule?: NftRule;
}

/** A chain at the forward hook, with the packets it sees. */
export interface NftFilter extends Filter {
  family: string;
  table: string;
}

/** Statements that let the packet pass on. */
const HARMLESS = new Set(["counter", "log", "limit", "mangle", "notrack", "meter", "quota", "set"]);

interface Match {
  op: string;
  left: { meta?: { key: string }; ct?: { key: string }; payload?: { field: string } };
  right: unknown;
}

/** Values of the right side: one, several, or those of an anonymous set. */
function values(right: unknown): unknown[] | undefined {
  if (Array.isArray(right)) return right;
  if (typeof right === "object" && right !== null && "set" in right) return values(right.set);
  return [right];
}

/** A block of an address, or of `{prefix: {addr, len}}`. */
function block(value: unknown): Cidr | undefined {
  const { prefix } = (value ?? {}) as { prefix?: { addr: string; len: number } };
  const ip = tryParseIp(prefix ? prefix.addr : String(value));
  return ip && makeCidr(ip, prefix?.len ?? (ip.family === 4 ? 32 : 128));
}

function condition({ op, left, right }: Match): Condition {
  const not = op === "!=" ? { not: true } : {};
  const all = values(right);
  if (!all || !["==", "!=", "in"].includes(op)) return { on: "unknown" };
  const names = all.filter((value) => typeof value === "string");
  const named = names.length === all.length && !names.some((name) => name.startsWith("@"));
  const key = left.meta?.key;
  if (named && (key === "iifname" || key === "iif")) return { on: "in", names, ...not };
  if (named && (key === "oifname" || key === "oif")) return { on: "out", names, ...not };
  if (named && left.ct?.key === "state") return { on: "state", states: names, ...not };
  const blocks = all.map(block).filter((cidr) => cidr !== undefined);
  const field = left.payload?.field;
  if (blocks.length < all.length || (field !== "saddr" && field !== "daddr")) {
    return { on: "unknown" };
  }
  return { on: field === "saddr" ? "source" : "destination", blocks, ...not };
}

function readRule(expressions: Record<string, unknown>[]): Rule {
  const conditions: Condition[] = [];
  let action: Action = { do: "nothing" };
  for (const expression of expressions) {
    const [kind, value] = Object.entries(expression)[0] ?? ["", undefined];
    if (kind === "match") conditions.push(condition(value as Match));
    else if (kind === "accept" || kind === "return") action = { do: kind };
    else if (kind === "drop" || kind === "reject") action = { do: "drop" };
    else if (kind === "jump" || kind === "goto") {
      action = { do: kind, chain: (value as { target: string }).target };
    } else if (kind === "xt") {
      // iptables' own extension: a comment is no condition, targets and all others can't be judged.
      const { type, name } = (value ?? {}) as { type?: string; name?: string };
      if (type === "target") action = { do: "unknown" };
      else if (name !== "comment") conditions.push({ on: "unknown" });
    } else if (!HARMLESS.has(kind)) action = { do: "unknown" };
  }
  return { conditions, action };
}

/** The chains at the forward hook of all tables but netsvc's own. */
export function readNft(objects: NftListed[]): NftFilter[] {
  const chains = objects.flatMap(({ chain }) => chain ? [chain] : []);
  const rules = objects.flatMap(({ rule }) => rule ? [rule] : []);
  return chains.filter(({ hook, table, family }) =>
    hook === "forward" && ["ip", "ip6", "inet"].includes(family) &&
    !(family === "inet" && table === "netsvc")
  ).map(({ family, table, name, policy }) => ({
    ...{ family, table },
    name: `chain ${name} of the nftables table ${family} ${table}`,
    policy: policy === "drop" ? "drop" as const : "accept" as const,
    chain: name,
    chains: new Map(
      chains.filter((other) => other.family === family && other.table === table).map((other) => [
        other.name,
        rules.filter((rule) =>
          rule.family === family && rule.table === table && rule.chain === other.name
        ).map(({ expr }) => readRule(expr)),
      ]),
    ),
  }));
}
