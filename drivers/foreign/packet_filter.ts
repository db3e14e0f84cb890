/**
 * What a packet filter does with a packet, as far as that is certain: rules with conditions that aren't known here
 * may or may not match. Pure.
 *
 * @module
 */
import { type Cidr, cidrContains, cidrsOverlap } from "../../lib/ip/cidr.ts";

/** A packet that is forwarded. */
export interface Packet {
  /** Links that it comes in and goes out by. */
  in: string;
  out: string;
  /** Where it is from and goes to; absent: anywhere on the outside. */
  source?: Cidr;
  destination?: Cidr;
  state: "new" | "established";
}

/** A condition of a rule; `unknown` is one that can't be told from a {@linkcode Packet}. */
export type Condition =
  | { on: "in" | "out"; names: string[]; not?: boolean }
  | { on: "source" | "destination"; blocks: Cidr[]; not?: boolean }
  | { on: "state"; states: string[]; not?: boolean }
  | { on: "unknown" };

/** The action of a rule on a packet that matches. */
export type Action =
  | { do: "accept" | "drop" | "return" | "nothing" }
  | { do: "jump" | "goto"; chain: string }
  /** It may end the packet's way, or not. */
  | { do: "unknown" };

/** A rule of a chain. */
export interface Rule {
  conditions: Condition[];
  action: Action;
}

/** A chain at the forward hook, with the chains it leads to. */
export interface Filter {
  /** For messages: `table inet x chain y`. */
  name: string;
  policy: "accept" | "drop";
  /** Of the chain at the hook. */
  chain: string;
  chains: Map<string, Rule[]>;
}

/** The outcome; `sure` is false where a rule that can't be judged may have let the packet pass. */
export interface Outcome {
  verdict: "accept" | "drop";
  sure: boolean;
  /** Whether the packet was dropped by a rule that names one of its links, or behind a jump that does. */
  named: boolean;
}

/** Jumps within jumps; the kernel allows 16. */
const MAX_DEPTH = 16;

type Fit = "yes" | "no" | "maybe";

/** Whether a link's name fits a pattern, whose last character may be `*` (nft) or `+` (iptables). */
export function fitsName(pattern: string, name: string): boolean {
  return /[*+]$/.test(pattern) ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function fitsBlocks(blocks: Cidr[], subnet: Cidr | undefined): Fit {
  if (blocks.some(({ prefix }) => prefix === 0)) return "yes";
  // The outside is every address: whether a rule means all of it isn't known.
  if (!subnet) return "maybe";
  if (blocks.some((block) => cidrContains(block, subnet))) return "yes";
  return blocks.some((block) => cidrsOverlap(block, subnet)) ? "maybe" : "no";
}

function fits(condition: Condition, packet: Packet): Fit {
  if (condition.on === "unknown") return "maybe";
  let fit: Fit;
  if (condition.on === "state") fit = condition.states.includes(packet.state) ? "yes" : "no";
  else if ("blocks" in condition) fit = fitsBlocks(condition.blocks, packet[condition.on]);
  else {
    const name = packet[condition.on];
    fit = condition.names.some((pattern) => fitsName(pattern, name)) ? "yes" : "no";
  }
  if (!condition.not || fit === "maybe") return fit;
  return fit === "yes" ? "no" : "yes";
}

function fitsAll(conditions: Condition[], packet: Packet): Fit {
  const all = conditions.map((condition) => fits(condition, packet));
  return all.includes("no") ? "no" : all.includes("maybe") ? "maybe" : "yes";
}

/** Whether conditions name certain links. */
function namesLink(conditions: Condition[]): boolean {
  return conditions.some((condition) =>
    "names" in condition && !condition.not && !condition.names.some((name) => /^[+*]$/.test(name))
  );
}

/** One traversal of a filter. */
class Walk {
  /** Whether a rule may have let the packet pass. */
  doubt = false;
  /** Whether the rule that dropped the packet names a link. */
  named = false;
  readonly #filter: Filter;
  readonly #packet: Packet;

  constructor(filter: Filter, packet: Packet) {
    this.#filter = filter;
    this.#packet = packet;
  }

  /** The verdict of a chain; `undefined` when it returns to its caller. */
  chain(name: string, depth = 0): "accept" | "drop" | undefined {
    for (const { conditions, action } of this.#filter.chains.get(name) ?? []) {
      const fit = fitsAll(conditions, this.#packet);
      if (fit === "no") continue;
      if (action.do === "jump" || action.do === "goto") {
        const verdict = this.#enter(action.chain, fit, depth);
        if (verdict === "drop") this.named ||= namesLink(conditions);
        if (verdict) return verdict;
        if (action.do === "goto" && fit === "yes") return undefined;
      } else if (action.do === "unknown") this.doubt = true;
      else if (fit === "maybe") this.doubt ||= action.do === "accept" || action.do === "return";
      else if (action.do === "return") return undefined;
      else if (action.do !== "nothing") {
        if (action.do === "drop") this.named = namesLink(conditions);
        return action.do;
      }
    }
    return undefined;
  }

  #enter(name: string, fit: Fit, depth: number): "accept" | "drop" | undefined {
    if (depth >= MAX_DEPTH) return undefined;
    const verdict = this.chain(name, depth + 1);
    if (fit === "yes") return verdict;
    if (verdict === "accept") this.doubt = true;
    return undefined;
  }
}

/** The verdict on a packet. */
export function outcome(filter: Filter, packet: Packet): Outcome {
  const walk = new Walk(filter, packet);
  const verdict = walk.chain(filter.chain) ?? filter.policy;
  return { verdict, sure: !walk.doubt, named: verdict === "drop" && walk.named };
}
