import assert from "node:assert/strict";
import { readCounters } from "./link_counters.ts";

const TEXT = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
  eth0:    1226      17    1    2    0     0          0         0      516       7    3    4    0     0       0          0
`;

Deno.test("readCounters() reads what went through links", () => {
  assert.deepEqual(readCounters(TEXT), {
    eth0: {
      ...{ rx_bytes: 1226, rx_packets: 17, rx_errors: 1, rx_dropped: 2 },
      ...{ tx_bytes: 516, tx_packets: 7, tx_errors: 3, tx_dropped: 4 },
    },
  });
  assert.deepEqual(readCounters(""), {});
});
