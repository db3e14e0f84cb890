/**
 * Bad ways, as rules of nft(8) and queues of tc(8) at a port of the underlay's switch. This does
 * without the netem of kernels that have it: packets picked at random are dropped, or wait in a slow
 * queue while others overtake them.
 *
 * @module
 */

/** What a way does to packets. */
export interface Trouble {
  /** How many of a hundred are lost. */
  loss?: number;
  /** How many of a hundred, of those towards the port, come late and out of order. */
  late?: number;
  /** Only those `to` the port, or `from` it: half of a connection. */
  direction?: "to" | "from";
}

/** Rate of the slow queue: a full-size packet takes 24 ms. */
const SLOW = "500kbit";

/** Name of the nftables table (family `bridge`) of a port's trouble. */
export function troubleTable(port: string): string {
  return `trouble-${port}`;
}

/** Lines for `nft -f`. */
export function troubleRules(port: string, { loss = 0, late = 0, direction }: Trouble): string {
  const some = (percent: number) => percent >= 100 ? "" : `numgen random mod 100 < ${percent}`;
  const rules = [
    ...loss > 0 && direction !== "from" ? [`oifname "${port}" ${some(loss)} drop`] : [],
    ...loss > 0 && direction !== "to" ? [`iifname "${port}" ${some(loss)} drop`] : [],
    ...late > 0 ? [`oifname "${port}" ${some(late)} meta priority set 1:2`] : [],
  ];
  return [
    `table bridge ${troubleTable(port)} {`,
    "  chain forward {",
    "    type filter hook forward priority 0;",
    ...rules.map((rule) => `    ${rule}`),
    "  }",
    "}",
    "",
  ].join("\n");
}

/** Lines for `tc -batch`: a fast class for all, a slow one for those that are picked. */
export function troubleQueues(port: string): string {
  return [
    `qdisc add dev ${port} root handle 1: htb default 1`,
    `class add dev ${port} parent 1: classid 1:1 htb rate 10gbit quantum 60000`,
    `class add dev ${port} parent 1: classid 1:2 htb rate ${SLOW} quantum 1514`,
    `qdisc add dev ${port} parent 1:2 handle 2: pfifo limit 100`,
    "",
  ].join("\n");
}
