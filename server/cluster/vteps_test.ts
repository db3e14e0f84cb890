import assert from "node:assert/strict";
import { openMirror } from "../../tests/harness/cuttable_store.ts";
import { keys } from "../model/keys.ts";
import { State } from "../model/state.ts";
import { type OwnAddresses, Vteps } from "./vteps.ts";

const HERE = "aa".repeat(32), THERE = "bb".repeat(32), NETWORK = "cc".repeat(32);
const CREATED = "2026-01-01T00:00:00.000Z";

async function subject(stack: AsyncDisposableStack, own: OwnAddresses) {
  const [local, shared] = [await openMirror(stack), await openMirror(stack)];
  const network = (scope: string, name: string, subnets: string[]) => ({
    ...{ id: NETWORK, name, scope, driver: "x", created: CREATED, predefined: false },
    ...{ internal: false, ipv6: true, options: {}, labels: {} },
    pools: subnets.map((subnet) => ({ family: subnet.includes(":") ? 6 : 4, subnet })),
  });
  const put = (key: string, value: unknown) => ({ key, value: JSON.stringify(value) });
  await local.commit({
    puts: [put(keys.network(NETWORK), network("local", "own", ["172.16.16.0/20", "fd00:1::/64"]))],
  });
  const other = "dd".repeat(32);
  await shared.commit({
    puts: [
      put(keys.network(other), { ...network("global", "over", ["192.0.2.0/24"]), id: other }),
      put(keys.host(HERE), { id: HERE, name: "here", address: "192.0.2.1" }),
      put(keys.host(THERE), { id: THERE, name: "there", address: "192.0.2.2" }),
      put(keys.member(other, THERE), { host: THERE, name: "there", address: "172.16.16.5" }),
    ],
  });
  const state = new State(local, shared, { hostId: HERE });
  stack.defer(() => state.close());
  return new Vteps(state, own);
}

const OWN = {
  addresses: ["127.0.0.1/8", "192.0.2.1/24", "198.51.100.9/31", "2001:db8::1/64", "fe80::1/64"],
};

Deno.test("Vteps takes no address for another host's that is none, this host's, or a container's", async () => {
  await using stack = new AsyncDisposableStack();
  const vteps = await subject(stack, { ...OWN, current: { address: "192.0.2.1" } });
  const none = /no host has/, own = /this host's own/, broadcast = /broadcast/;
  const cases: [address: string, fault?: RegExp][] = [
    ["192.0.2.2"],
    ["203.0.113.1"],
    ["2001:db8::2"],
    ["198.51.100.8"], // Of two (RFC 3021) the first is no network's.
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.1.1"]
      .map((address): [string, RegExp] => [address, none]),
    ...["::", "::1", "::127.0.0.1", "64:ff9b::7f00:1", "ff02::1", "nonsense", ""]
      .map((address): [string, RegExp] => [address, none]),
    ["192.0.2.1", own],
    ["2001:db8:0::1", own],
    ["192.0.2.255", broadcast],
    ["192.0.2.0", broadcast],
    ["fe80::2", /link-local/],
    ["172.16.31.255", /containers of network "own"/],
    ["fd00:1::5", /containers of network "own"/],
  ];
  for (const [address, fault] of cases) {
    if (fault) assert.match(vteps.faultOf(address) ?? "taken", fault, address);
    else assert.equal(vteps.faultOf(address), undefined, address);
  }
  assert.deepEqual(vteps.refused().map(({ host, address }) => [host, address]), [
    ["there", "172.16.16.5"],
  ]);
});

Deno.test("Vteps takes link-local addresses where this host's own is one", async () => {
  await using stack = new AsyncDisposableStack();
  const vteps = await subject(stack, { ...OWN, current: { address: "fe80::1" } });
  assert.equal(vteps.faultOf("fe80::2"), undefined);
  assert.match(vteps.faultOf("fe80::1") ?? "", /own/);
});
