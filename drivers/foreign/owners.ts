/**
 * Who owns a packet filter, judged by the names in it, and how its owner is asked for an exception. Pure.
 *
 * @module
 */
import { BRIDGE_PREFIX } from "../links/names.ts";
import type { Family } from "../../lib/ip/cidr.ts";
import type { NftFilter } from "./nft_rules.ts";
import { type Filter, fitsName } from "./packet_filter.ts";

/** Patterns of chains' and tables' names, and their owners; the owner that drops packets comes first. */
const OWNERS: [pattern: RegExp, owner: string][] = [
  [/^ufw6?-/, "ufw"],
  [/firewalld/, "firewalld"],
  [/^DOCKER/, "Docker"],
  [/^LIBVIRT|libvirt/, "libvirt"],
  [/^KUBE-/, "Kubernetes"],
];

function isNft(filter: Filter): filter is NftFilter {
  return "table" in filter;
}

function owner(filter: Filter): string | undefined {
  const names = [...isNft(filter) ? [filter.table] : [], ...filter.chains.keys()];
  return OWNERS.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
}

/** The owner as the subject of a sentence: `The firewall of Docker`. */
export function whose(filter: Filter): string {
  const known = owner(filter);
  return known === undefined ? "Another firewall of this host" : `The firewall of ${known}`;
}

/** Patterns for the links: one covers all of netsvc's own names. */
function patterns(links: string[], own: string): string[] {
  const common = links.some((name) => fitsName(own, name)) ? [own] : [];
  return [...common, ...links.filter((name) => !fitsName(own, name))];
}

/** How the user lets packets in and out by these links pass. */
export function remedyFor(
  filter: Filter,
  { family, links }: { family: Family; links: string[] },
): string {
  switch (owner(filter)) {
    case "ufw":
      return `Allow it: ${
        links.map((name) => `ufw route allow in on ${name}; ufw route allow out on ${name}`).join(
          "; ",
        )
      }`;
    case "firewalld":
      return `Allow it: ${
        links.map((name) => `firewall-cmd --permanent --zone=trusted --add-interface=${name}`)
          .join("; ")
      }; firewall-cmd --reload`;
  }
  if (isNft(filter)) {
    const where = `nft insert rule ${filter.family} ${filter.table} ${filter.chain}`;
    const rules = patterns(links, `${BRIDGE_PREFIX}*`).flatMap((name) =>
      ["iifname", "oifname"].map((key) => `${where} ${key} '"${name}"' accept`)
    );
    return `Allow it: ${rules.join("; ")}; and in the file that these rules come from`;
  }
  const tool = family === 4 ? "iptables" : "ip6tables";
  const chain = filter.chains.has("DOCKER-USER") ? "DOCKER-USER" : filter.chain;
  const rules = patterns(links, `${BRIDGE_PREFIX}+`).flatMap((name) =>
    ["-i", "-o"].map((flag) => `${tool} -I ${chain} ${flag} ${name} -j ACCEPT`)
  );
  return `Allow it: ${rules.join("; ")}`;
}
