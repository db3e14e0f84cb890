/**
 * Where another owner drops what is forwarded (Docker and firewalld do, and images whose FORWARD ends in a
 * REJECT), an accept of ours in our own table doesn't help: netsvc asks for exceptions where that owner looks
 * for them: in DOCKER-USER, else in FORWARD, or at the head of its nftables chain. Policies and rules of
 * others are never touched.
 *
 * The exceptions cover what netsvc's own table judges (all packets to its bridges) and the paths to the outside.
 * What another owner hides stays hidden: the bridges of that owner's containers, and packets dropped by a rule that
 * names the link.
 *
 * @module
 */
import type { Runner } from "../../lib/linux/tools/runner.ts";
import { ToolError } from "../../lib/linux/tools/tool_error.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { isExceptionLine, isExceptionRule, TAG } from "./exceptions.ts";
import { readIptables } from "./iptables_rules.ts";
import { type NftFilter, type NftListed, readNft } from "./nft_rules.ts";
import { type Filter, fitsName, outcome, type Packet } from "./packet_filter.ts";
import { outwardLinks } from "./outward.ts";
import { remedyFor, whose } from "./owners.ts";

/** Which exceptions a filter needs, as patterns of names of links. */
export interface Exceptions {
  /** What goes to these bridges. */
  to: string[];
  /** What comes from these bridges and leaves by these links. */
  out: { from: string; by: string[] }[];
}

/**
 * The exceptions for packets that a filter drops and netsvc lets pass, given the host's links that lead outside.
 */
export function exceptionsFor(
  filter: Filter,
  { interfaces, outward }: { interfaces: readonly string[]; outward: readonly string[] },
): Exceptions {
  const dropped = (packet: Packet) => {
    const { verdict, named } = outcome(filter, packet);
    return verdict === "drop" && !named;
  };
  const found: Exceptions = { to: [], out: [] };
  for (const pattern of interfaces) {
    const name = pattern.replace(/[+*]$/, "0");
    const links = outward.length > 0 ? outward : ["outside"];
    const inward = links.flatMap((link): Packet[] =>
      (["new", "established"] as const).map((state) => ({ in: link, out: name, state }))
    );
    if ([...inward, { in: name, out: name, state: "new" as const }].some(dropped)) {
      found.to.push(pattern);
    }
    const by = outward.filter((link) => dropped({ in: name, out: link, state: "new" }));
    if (by.length > 0) found.out.push({ from: pattern, by });
  }
  return found;
}

/** The exceptions as rules of iptables(8), without the chain. */
function iptablesRules({ to, out }: Exceptions): string[][] {
  const tag = ["-m", "comment", "--comment", TAG, "-j", "ACCEPT"];
  return [
    ...out.flatMap(({ from, by }) => by.map((link) => ["-i", from, "-o", link, ...tag])),
    ...to.map((name) => ["-o", name, ...tag]),
  ];
}

async function mendIptables(
  runner: Runner,
  tool: "iptables" | "ip6tables",
  interfaces: readonly string[],
  outward: () => Promise<string[]>,
): Promise<string[]> {
  const lines = (await runner.run({ tool, args: ["-w", "5", "-S"] })).split("\n");
  const chain = lines.includes("-N DOCKER-USER") ? "DOCKER-USER" : "FORWARD";
  const filter = readIptables(tool, lines.filter((line) => !isExceptionLine(line)).join("\n"));
  const present = lines.filter(isExceptionLine);
  const drops = filter !== undefined && interfaces.length > 0 && mayDrop(filter);
  if (!drops && present.length === 0) return [];
  const wanted = drops
    ? iptablesRules(exceptionsFor(filter, { interfaces, outward: await outward() }))
    : [];
  const done: string[] = [];
  for (const rule of wanted) {
    if (present.includes(`-A ${chain} ${rule.join(" ")}`)) continue;
    await runner.run({ tool, args: ["-w", "5", "-I", chain, ...rule] });
    const to = rule[2] === "-o" ? ` to ${rule[3]}` : "";
    done.push(`Let ${rule[0]} ${rule[1]} pass ${chain} of ${tool}${to}, where others drop`);
  }
  for (const line of present) {
    const [, at, ...rule] = line.split(" ");
    if (wanted.some((w) => at === chain && w.join(" ") === rule.join(" "))) continue;
    await runner.run({ tool, args: ["-w", "5", "-D", at!, ...rule] });
  }
  return done;
}

/** Whether a filter drops anything at all. */
function mayDrop({ policy, chains }: Filter): boolean {
  return policy === "drop" ||
    chains.values().some((rules) => rules.some(({ action }) => action.do === "drop"));
}

/** The exceptions as rules of nft(8), without the chain. */
function nftRules({ to, out }: Exceptions): string[] {
  const pattern = (name: string) => `"${name.replace(/\+$/, "*")}"`;
  return [
    ...out.flatMap(({ from, by }) =>
      by.map((link) => `iifname ${pattern(from)} oifname ${pattern(link)}`)
    ),
    ...to.map((name) => `oifname ${pattern(name)}`),
  ];
}

/** A listed rule of ours, in the words of {@linkcode nftRules}. */
function listedRule(expressions: Record<string, unknown>[]): string {
  return expressions.flatMap(({ match }) => {
    const { left, right } = (match ?? {}) as { left?: { meta?: { key: string } }; right?: unknown };
    return left?.meta ? [`${left.meta.key} "${right}"`] : [];
  }).join(" ");
}

/** Whether a chain is one of iptables', which its own tool shows better. */
function isIptables({ family, table, chain }: NftFilter): boolean {
  return table === "filter" && chain === "FORWARD" && (family === "ip" || family === "ip6");
}

async function mendNft(
  runner: Runner,
  interfaces: readonly string[],
  outward: () => Promise<string[]>,
  missing: string[],
): Promise<string[]> {
  const { nftables } = await runner.json<{ nftables: NftListed[] }>("nft", ["list", "ruleset"]);
  const ours = nftables.flatMap(({ rule }) => rule && isExceptionRule(rule) ? [rule] : []);
  const others = readNft(nftables.filter(({ rule }) => !rule || !isExceptionRule(rule)));
  const done: string[] = [];
  for (const filter of others.filter((one) => !isIptables(one))) {
    const { family, table, chain } = filter;
    const where = `${family} ${table} ${chain}`;
    const present = ours.filter((rule) =>
      rule.family === family && rule.table === table && rule.chain === chain
    );
    const drops = interfaces.length > 0 && mayDrop(filter);
    const wanted = drops
      ? nftRules(exceptionsFor(filter, { interfaces, outward: await outward() }))
      : [];
    const known = present.map(({ expr }) => listedRule(expr));
    const lacking = wanted.filter((rule) => !known.includes(rule));
    const stray = present.filter(({ expr }) => !wanted.includes(listedRule(expr)));
    if (lacking.length === 0 && stray.length === 0) continue;
    try {
      await runner.nft([
        ...stray.map(({ handle }) => `delete rule ${where} handle ${handle}\n`),
        ...lacking.map((rule) => `insert rule ${where} ${rule} accept comment "${TAG}"\n`),
      ].join(""));
    } catch (error) {
      // Only the process that owns the table may change it.
      if (!(error instanceof ToolError) || error.errno !== "EPERM") throw error;
      const family = filter.family === "ip6" ? 6 : 4;
      missing.push(
        `${
          whose(filter)
        } drops what containers send and receive (${where}), and takes no exception. ` +
          remedyFor(filter, { family, links: await bridgesOf(runner, interfaces) }),
      );
      continue;
    }
    if (lacking.length > 0) {
      done.push(`Let ${lacking.join(", ")} pass the chain ${where}, where others drop`);
    }
  }
  return done;
}

/** Names of the bridges that match the patterns: some owners don't know patterns. */
async function bridgesOf(runner: Runner, patterns: readonly string[]): Promise<string[]> {
  const links = await runner.json<{ ifname?: string }[]>("ip", ["link", "show", "type", "bridge"]);
  const names = links.flatMap(({ ifname }) =>
    ifname !== undefined && patterns.some((pattern) => fitsName(pattern, ifname)) ? [ifname] : []
  );
  return names.length > 0 ? names : [...patterns];
}

/**
 * Puts up the exceptions for these bridges (`nsb+` is a pattern); without bridges, removes the exceptions. Returns
 * what was done, and what only the user can do, where only its owner may change a table (`flags owner` of nft(8),
 * as firewalld's).
 */
export async function mendForeignForward(
  runner: Runner,
  interfaces: string[],
): Promise<{ done: string[]; missing: string[] }> {
  let known: Promise<string[]> | undefined;
  const outward = () =>
    known ??= outwardLinks(
      runner,
      (name) => interfaces.some((pattern) => fitsName(pattern, name)),
    );
  const done: string[] = [];
  const missing: string[] = [];
  const failures: unknown[] = [];
  const attempts = [
    () => mendIptables(runner, "iptables", interfaces, outward),
    () => mendIptables(runner, "ip6tables", interfaces, outward),
    // iptables' rules may be nftables' own, so this comes after them.
    () => mendNft(runner, interfaces, outward, missing),
  ];
  for (const attempt of attempts) {
    try {
      done.push(...await attempt());
    } catch (error) {
      // Without the tool, no program uses its tables here.
      const hasNone = error instanceof NetsvcError && error.code === "unsupported";
      if (!hasNone) failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return { done, missing };
}
