/**
 * The FORWARD chain from the text of `iptables -S` (iptables(8), iptables-extensions(8)). Pure.
 *
 * @module
 */
import { parseCidrAddress } from "../../lib/ip/cidr.ts";
import type { Action, Condition, Filter, Rule } from "./packet_filter.ts";

/** Targets that are known to end a packet's path or not to; all others are chains, or may do either. */
const TARGETS: Record<string, Action> = {
  ACCEPT: { do: "accept" },
  DROP: { do: "drop" },
  REJECT: { do: "drop" },
  RETURN: { do: "return" },
  LOG: { do: "nothing" },
  NFLOG: { do: "nothing" },
  MARK: { do: "nothing" },
  CONNMARK: { do: "nothing" },
  TCPMSS: { do: "nothing" },
};

/** Modules that only add options. */
const SILENT = new Set(["comment", "conntrack", "state"]);

function readRule(words: string[], chains: Set<string>): Rule {
  const conditions: Condition[] = [];
  let action: Action = { do: "nothing" };
  let not = false;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === "!") {
      not = true;
      continue;
    }
    const value = words[i + 1] ?? "";
    const negated = not && { not };
    not = false;
    i++;
    if (word === "-i" || word === "-o") {
      conditions.push({ on: word === "-i" ? "in" : "out", names: [value], ...negated });
    } else if (word === "-s" || word === "-d") {
      const blocks = [parseCidrAddress(value).cidr];
      conditions.push({ on: word === "-s" ? "source" : "destination", blocks, ...negated });
    } else if (word === "--ctstate" || word === "--state") {
      const states = value.toLowerCase().split(",");
      conditions.push({ on: "state", states, ...negated });
    } else if (word === "-j" || word === "-g") {
      action = chains.has(value)
        ? { do: word === "-j" ? "jump" : "goto", chain: value }
        : TARGETS[value] ?? { do: "unknown" };
      break; // What follows is the target's options.
    } else if (word !== "--comment" && !(word === "-m" && SILENT.has(value))) {
      conditions.push({ on: "unknown" });
    }
  }
  return { conditions, action };
}

/** Words of a line; iptables puts those with blanks in quotes. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, bare]) =>
    quoted ?? bare!
  );
}

/** The filter at the forward hook; `undefined` when there is none. */
export function readIptables(tool: string, text: string): Filter | undefined {
  const lines = text.split("\n").map(wordsOf).filter((words) => words.length > 1);
  const policy = lines.find(([flag, chain]) => flag === "-P" && chain === "FORWARD")?.[2];
  if (policy === undefined) return undefined;
  const chains = new Map<string, Rule[]>(
    lines.filter(([flag]) => flag === "-N" || flag === "-P").map(([, chain]) => [chain!, []]),
  );
  const names = new Set(chains.keys());
  for (const [flag, chain, ...words] of lines) {
    if (flag === "-A") chains.get(chain!)?.push(readRule(words, names));
  }
  return {
    name: `chain FORWARD of ${tool}`,
    policy: policy === "DROP" ? "drop" : "accept",
    chain: "FORWARD",
    chains,
  };
}
