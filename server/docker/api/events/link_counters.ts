/**
 * Parses `/proc/net/dev` (proc_pid_net(5)) into the form that Docker shows. Pure.
 *
 * @module
 */

/** The traffic of one link, in bytes and packets. */
export interface LinkCounters {
  rx_bytes: number;
  rx_packets: number;
  rx_errors: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_packets: number;
  tx_errors: number;
  tx_dropped: number;
}

/** The counters of all links but `lo`. */
export function readCounters(text: string): Record<string, LinkCounters> {
  return Object.fromEntries(
    text.split("\n").slice(2).flatMap((line) => {
      const colon = line.lastIndexOf(":");
      const name = line.slice(0, colon).trim();
      if (colon < 0 || name === "lo") return [];
      const [a, b, c, d, , , , , e, f, g, h] = line.slice(colon + 1).trim().split(/\s+/).map(
        Number,
      );
      return [[name, {
        ...{ rx_bytes: a!, rx_packets: b!, rx_errors: c!, rx_dropped: d! },
        ...{ tx_bytes: e!, tx_packets: f!, tx_errors: g!, tx_dropped: h! },
      }]];
    }),
  );
}
