/**
 * Checks the tunnels of encrypted networks: the tools, the keys, and the handshakes with the hosts that share them.
 *
 * @module
 */
import { isEncrypted } from "../../../../drivers/overlay/options.ts";
import type { Finding } from "../../../../lib/api/types.ts";
import type { Runner } from "../../../../lib/linux/tools/runner.ts";
import { missingForWireguard } from "../../../../lib/linux/wireguard/missing.ts";
import type { CheckContext } from "../../check.ts";
import { enumerate, findingsOf } from "../../finding.ts";

const { ok, warning, problem } = findingsOf("encryption");

/** Age from which on a key should have been replaced, in days: a day after the rotation was due. */
const OLD_DAYS = 31;
const DAY_MS = 86_400_000;
/** Age of a handshake from which on it is reported, in seconds: sessions end after 180. */
const OLD_HANDSHAKE_S = 190;

/** A host at the other end of the tunnel. */
export interface TunnelEnd {
  /** Of the host. */
  name: string;
  endpoint?: string;
  /** Of the last handshake, in seconds since the epoch; 0 before the first. */
  handshake: number;
  /** Bytes that came from it. */
  received: number;
}

/** What is judged. */
export interface EncryptionFacts {
  /** In ms since the epoch. */
  now: number;
  peers: TunnelEnd[];
  /** Names of hosts, with the time at which their keys were made (RFC 3339). */
  keys: { name: string; made: string }[];
  /** Names of hosts that share an encrypted network with this one and say no key. */
  keyless: string[];
  /** Hosts that are left out, since another has their key or address. */
  refused: string[];
  /** Packets of encrypted networks that came in the clear, and were dropped. */
  clear: number;
}

/** The findings about tunnels. Pure. */
export function judgeEncryption(facts: EncryptionFacts): Finding[] {
  const { now, peers, keys, keyless, refused, clear } = facts;
  const bad: Finding[] = peers.flatMap((peer) => judgePeer(peer, now));
  if (keyless.length > 0) {
    bad.push(problem(
      `${
        enumerate(keyless.map((name) => `Host "${name}"`))
      } shares an encrypted network and says no key`,
      "Upgrade its netsvc, and look at its log",
    ));
  }
  if (refused.length > 0) {
    bad.push(problem(
      `${
        enumerate(refused.map((id) => `Host ${id.slice(0, 12)}`))
      } has the key or the address of another, so neither ` +
        `has a tunnel`,
      "Remove the host that isn't one (netsvc host rm), and see who writes into the store",
    ));
  }
  const old = keys.filter(({ made }) => now - Date.parse(made) > OLD_DAYS * DAY_MS);
  if (old.length > 0) {
    bad.push(warning(
      `The key of ${
        enumerate(old.map(({ name }) => `host "${name}"`))
      } is over ${OLD_DAYS} days old`,
      "Its daemon waits for a peer whose daemon is silent, or doesn't run: start it, or remove the host",
    ));
  }
  if (clear > 0) {
    bad.push(warning(
      `${clear} packets of encrypted networks came in the clear, and were dropped`,
      "Somebody on the underlay makes them: look with tcpdump -n 'udp port 4789 or udp port 4790'",
    ));
  }
  if (bad.length > 0) return bad;
  if (peers.length === 0) return [ok("No other host shares an encrypted network with this one")];
  const oldest = Math.max(...peers.map(({ handshake }) => now / 1000 - handshake));
  return [
    ok(
      `${peers.length} hosts share encrypted networks with this one; the last handshakes are at most ` +
        `${Math.max(0, Math.round(oldest))} s old`,
    ),
  ];
}

function judgePeer({ name, endpoint, handshake, received }: TunnelEnd, now: number): Finding[] {
  const age = Math.round(now / 1000 - handshake);
  if (handshake > 0 && age < -OLD_HANDSHAKE_S) {
    return [problem(
      `The clock of this host has gone back by ${-age} s since the handshake with host "${name}"`,
      "Synchronize the clock; until then that host refuses this one's handshakes, or " +
        "netsvc cluster keys rotate",
    )];
  }
  if (handshake > 0 && age <= OLD_HANDSHAKE_S) return [];
  const since = handshake === 0 ? "yet" : `for ${age} s`;
  const what = `There was no handshake with host "${name}" at ${
    endpoint ?? "an unknown endpoint"
  } ${since}`;
  const port = received === 0
    ? "Nothing has come from there: open the UDP port between the hosts (--wireguard-port), both ways"
    : "See whether its daemon runs, and whether its clock was set back (its handshakes are refused then until " +
      "it has a new key: netsvc cluster keys rotate)";
  return [problem(what, port)];
}

/** Packets that the rule with a counter has dropped. */
async function clearPackets(runner: Runner): Promise<number> {
  interface Listing {
    nftables: { rule?: { expr: { counter?: { packets: number } }[] } }[];
  }
  const args = ["list", "chain", "inet", "netsvc", "input"];
  const { nftables } = await runner.json<Listing>("nft", args).catch(() => ({ nftables: [] }));
  return nftables.flatMap(({ rule }) => rule?.expr ?? [])
    .reduce((sum, { counter }) => sum + (counter?.packets ?? 0), 0);
}

export async function checkEncryption(
  { context: { state, cluster: { encryption }, hostId }, runner, hosts }: CheckContext,
): Promise<Finding[]> {
  const networks = [...state.networks.values()].map(({ record }) => record)
    .filter((record) => record.driver === "overlay" && isEncrypted(record));
  if (networks.length === 0 || !encryption) return [];
  const names = new Map((await hosts.known()).map(({ record }) => [record.id, record.name]));
  const nameOf = (id: string) => names.get(id) ?? id.slice(0, 12);
  const own = networks.filter(({ id }) => state.ownBackends(id).length > 0);
  const others = new Set(
    own.flatMap(({ id }) => state.servicesOf(id))
      .flatMap(({ record: { backend } }) => backend?.hostId ?? []).filter((id) => id !== hostId),
  );
  const peers = await encryption.peers();
  return [
    ...missingForWireguard().map(({ message, remedy }) => warning(message, remedy)),
    ...judgeEncryption({
      now: Date.now(),
      peers: peers.map(({ host, ...peer }) => ({ name: nameOf(host), ...peer })),
      keys: [hostId, ...others].flatMap((id) => {
        const made = encryption.keyOf(id)?.made;
        return made === undefined ? [] : [{ name: nameOf(id), made }];
      }),
      keyless: [...others].filter((id) => encryption.keyOf(id) === undefined).map(nameOf),
      refused: encryption.refused,
      clear: await clearPackets(runner),
    }),
  ];
}
