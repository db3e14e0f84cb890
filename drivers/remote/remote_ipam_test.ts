import assert from "node:assert/strict";
import { TestPlugin } from "../../tests/harness/plugin.ts";
import { Plugin } from "./plugin/plugin.ts";
import { RemoteIpam } from "./remote_ipam.ts";

async function withIpam(test: (ipam: RemoteIpam, plugin: TestPlugin) => Promise<void>) {
  const root = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  try {
    await using plugin = await TestPlugin.start({ listen: `unix:${root}/p.sock` });
    await test(
      new RemoteIpam(new Plugin("p", { places: { sockets: [root], specs: [] } })),
      plugin,
    );
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("RemoteIpam asks for pools and addresses, and gives them back", async () => {
  await withIpam(async (ipam, plugin) => {
    assert.deepEqual(await ipam.capabilities(), { requiresMac: true, requiresReplay: false });
    const pool = await ipam.requestPool({
      family: 4,
      scope: "global",
      subnet: "10.5.0.0/16",
      range: "10.5.7.0/24",
      options: { zone: "a" },
    });
    assert.deepEqual(pool, { poolId: "everywhere/10.5.0.0/16", subnet: "10.5.0.0/16" });
    assert.equal(await ipam.requestAddress(pool, { gateway: true }), "10.5.7.1/16");
    const mac = "02:00:00:00:00:01";
    assert.equal(await ipam.requestAddress(pool, { mac }), "10.5.7.2/16");
    assert.equal(await ipam.requestAddress(pool, { address: "10.5.9.9" }), "10.5.9.9/16");
    await assert.rejects(ipam.requestAddress(pool, { address: "10.5.9.9" }), {
      code: "kernel",
      message: 'The plugin "p" refuses IpamDriver.RequestAddress: address 10.5.9.9 is in use',
    });
    for (let i = 0; i < 2; i++) await ipam.releaseAddress(pool.poolId, "10.5.9.9/16");
    for (let i = 0; i < 2; i++) await ipam.releasePool(pool.poolId);
    const calls = (await plugin.calls()).slice(2)
      .map(({ method, body }) => [method.replace("IpamDriver.", ""), body]);
    const PoolID = pool.poolId;
    assert.deepEqual(calls, [
      ["GetDefaultAddressSpaces", null],
      ["RequestPool", {
        AddressSpace: "everywhere",
        Pool: "10.5.0.0/16",
        SubPool: "10.5.7.0/24",
        Options: { zone: "a" },
        V6: false,
      }],
      ["RequestAddress", {
        PoolID,
        Address: "",
        Options: { RequestAddressType: "com.docker.network.gateway" },
      }],
      ["RequestAddress", {
        PoolID,
        Address: "",
        Options: { "com.docker.network.endpoint.macaddress": mac },
      }],
      ["RequestAddress", { PoolID, Address: "10.5.9.9", Options: {} }],
      ["RequestAddress", { PoolID, Address: "10.5.9.9", Options: {} }],
      ["ReleaseAddress", { PoolID, Address: "10.5.9.9" }],
      ["ReleaseAddress", { PoolID, Address: "10.5.9.9" }],
      ["ReleasePool", { PoolID }],
      ["ReleasePool", { PoolID }],
    ]);
  });
});

Deno.test("RemoteIpam takes the pool and the gateway that the plugin picks", async () => {
  await withIpam(async (ipam, plugin) => {
    const pool = await ipam.requestPool({ family: 6, scope: "local" });
    assert.deepEqual(pool, { poolId: "here/fd99:7::/64", subnet: "fd99:7::/64" });
    await plugin.behave({
      method: "IpamDriver.RequestPool",
      json: {
        PoolID: "x",
        Pool: "10.6.0.0/24",
        Data: { "com.docker.network.gateway": "10.6.0.254/24" },
      },
    });
    assert.equal((await ipam.requestPool({ family: 4, scope: "local" })).gateway, "10.6.0.254");
  });
});

Deno.test("RemoteIpam.capabilities() may be left out", async () => {
  await withIpam(async (ipam, plugin) => {
    await plugin.behave({ method: "IpamDriver.GetCapabilities", status: 404 });
    assert.deepEqual(await ipam.capabilities(), { requiresMac: false, requiresReplay: false });
  });
});

Deno.test("RemoteIpam doesn't believe what can't be, and gives it back", async (t) => {
  await withIpam(async (ipam, plugin) => {
    const pool = { poolId: "here/10.5.0.0/24", subnet: "10.5.0.0/24" };
    await ipam.requestPool({ family: 4, scope: "local", subnet: pool.subnet });
    const pools: [name: string, json: unknown, said: RegExp][] = [
      ["no CIDR", { PoolID: "x", Pool: "10.6.0.0" }, /wrong at Pool: no address in CIDR form/],
      ["no id", { Pool: "10.6.0.0/24" }, /wrong at PoolID/],
      ["another pool", { PoolID: "x", Pool: "10.6.0.0/24" }, /10.6.0.0\/24 where 10.5.0.0\/24 was/],
      ["another family", { PoolID: "x", Pool: "fd00::/64" }, /gives fd00::\/64 for an IPv4 pool/],
      [
        "a gateway outside",
        {
          PoolID: "x",
          Pool: "10.5.0.0/24",
          Data: { "com.docker.network.gateway": "10.6.0.1/24" },
        },
        /"10.6.0.1\/24" as gateway/,
      ],
      [
        "the broadcast address as gateway",
        {
          PoolID: "x",
          Pool: "10.5.0.0/24",
          Data: { "com.docker.network.gateway": "10.5.0.255/24" },
        },
        /"p" misbehaves in IpamDriver.RequestPool: it gives 10.5.0.255 as gateway, .*broadcast/,
      ],
    ];
    for (const [name, json, said] of pools) {
      await t.step(name, async () => {
        await plugin.behave({ method: "IpamDriver.RequestPool", json });
        const request = { family: 4, scope: "local", subnet: pool.subnet } as const;
        await assert.rejects(ipam.requestPool(request), { code: "unavailable", message: said });
      });
    }
    const addresses: [name: string, json: unknown, said: RegExp][] = [
      ["nothing", {}, /wrong at Address/],
      ["no CIDR", { Address: "10.5.0.1" }, /wrong at Address/],
      ["an address outside", { Address: "10.6.0.1/24" }, /outside 10.5.0.0\/24/],
      ["too wide a prefix", { Address: "10.5.0.7/8" }, /outside/],
      ["the network address", { Address: "10.5.0.0/24" }, /10.5.0.0\/24, .*network address of/],
      [
        "the broadcast address",
        { Address: "10.5.0.255/32" },
        /10.5.0.255\/32, .*broadcast address/,
      ],
      ["another one", { Address: "10.5.0.8/24" }, /gives 10.5.0.8 where 10.5.0.7 was asked for/],
    ];
    for (const [name, json, said] of addresses) {
      await t.step(name, async () => {
        await plugin.behave({ method: "IpamDriver.RequestAddress", json });
        const asking = ipam.requestAddress(pool, { address: "10.5.0.7" });
        await assert.rejects(asking, { code: "unavailable", message: said });
      });
    }
    const back = (await plugin.calls()).filter(({ method }) =>
      method === "IpamDriver.ReleaseAddress"
    );
    assert.deepEqual(back.map(({ body }) => body.Address), [
      "10.6.0.1",
      "10.5.0.7",
      "10.5.0.0",
      "10.5.0.255",
      "10.5.0.8",
    ]);
    const asking = async (gateway: boolean, address: string) => {
      await plugin.behave({ method: "IpamDriver.RequestAddress", json: { Address: address } });
      return await ipam.requestAddress(pool, { gateway });
    };
    await t.step("gateways are no exception", async () => {
      await assert.rejects(asking(true, "10.5.0.0/24"), {
        message: 'The plugin "p" misbehaves in IpamDriver.RequestAddress: it gives 10.5.0.0/24, ' +
          "which is the network address of 10.5.0.0/24",
      });
    });
    await t.step("IPv6 and a /31 have no such addresses", async () => {
      for (const subnet of ["10.5.1.0/31", "fd05::/64"]) {
        const first = subnet.replace("/64", "/128");
        await plugin.behave({ method: "IpamDriver.RequestAddress", json: { Address: first } });
        assert.equal(await ipam.requestAddress({ poolId: "x", subnet }), first);
      }
    });
  });
});
