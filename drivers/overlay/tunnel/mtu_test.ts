import assert from "node:assert/strict";
import { tunnelMtu } from "./mtu.ts";

/** How large `wireguard-go` makes a packet (device/send.go, `calculatePaddingSize`). */
function filled(size: number, mtu: number): number {
  const last = size > mtu ? size % mtu : size;
  const unit = Math.min((last + 15) & ~15, mtu);
  return size + unit - last;
}

Deno.test("no packet of the tunnel is larger than the underlay takes, by either kind of device", () => {
  for (const [address, overhead] of [["192.0.2.1", 60], ["2001:db8::1", 80]] as const) {
    for (let mtu = 1300; mtu <= 9100; mtu++) {
      const tunnel = tunnelMtu({ address, mtu });
      const largest = Math.max(
        ...Array.from({ length: 100 }, (_, i) => filled(tunnel - i, 1420)),
        filled(tunnel, tunnel),
      );
      assert.ok(largest + overhead <= mtu, `${mtu}: ${tunnel}`);
      assert.ok(mtu - overhead - tunnel < 16, "and as large as that allows");
    }
  }
});

Deno.test("a peer on IPv6 costs its larger header", () => {
  const own = { address: "192.0.2.1", mtu: 1500 };
  assert.equal(tunnelMtu(own), 1436);
  assert.equal(tunnelMtu(own, ["192.0.2.2:1"]), 1436);
  assert.equal(tunnelMtu(own, ["192.0.2.2:1", "[2001:db8::2]:1"]), 1420);
  assert.equal(
    tunnelMtu({ address: "::1", mtu: 65536 }),
    tunnelMtu({ address: "::1", mtu: 65500 }),
  );
});
