import assert from "node:assert/strict";
import { CREATED_ENDPOINT, JOINED, POOL } from "./messages.ts";

Deno.test("a link's name is one that can stand in a line of ip's and in no other place of it", () => {
  const of = (SrcName: unknown) => JOINED.safeParse({ InterfaceName: { SrcName } }).success;
  for (const name of ["veth1", "a.b@c-d"]) assert.equal(of(name), true, name);
  for (
    const name of ["", ".", "..", "-x", "a b", "a\nlink del eth0", "a/b", "x".repeat(16), 1, null]
  ) {
    assert.equal(of(name), false, JSON.stringify(name));
  }
});

Deno.test("addresses are of the family that they are said to be of", () => {
  const of = (Interface: unknown) => CREATED_ENDPOINT.safeParse({ Interface }).success;
  assert.equal(
    of({ Address: "10.0.0.2/24", AddressIPv6: "fd00::2/64", MacAddress: "02:AA:00:00:00:01" }),
    true,
  );
  assert.equal(of({ Address: "", AddressIPv6: null }), true);
  for (
    const bad of [{ Address: "fd00::2/64" }, { AddressIPv6: "10.0.0.2/24" }, {
      Address: "10.0.0.2",
    }, { MacAddress: "zz" }]
  ) {
    assert.equal(of(bad), false, JSON.stringify(bad));
  }
});

Deno.test("an endpoint's address is one that a link can have, and others can reach", () => {
  const of = (Interface: unknown) => CREATED_ENDPOINT.safeParse({ Interface });
  for (
    const Address of [
      ...["127.0.0.1/8", "127.0.0.11/32", "0.0.0.0/0", "224.0.0.1/4", "255.255.255.255/32"],
      ...["10.60.0.0/24", "10.60.0.255/24"],
    ]
  ) {
    const { error } = of({ Address });
    assert.match(error?.message ?? "", /an address that no link can have/, Address);
  }
  for (const AddressIPv6 of ["::/0", "::1/128", "ff02::1/128", "::ffff:127.0.0.1/128"]) {
    assert.equal(of({ AddressIPv6 }).success, false, AddressIPv6);
  }
  for (const Address of ["10.60.0.0/31", "10.60.0.1/32", "169.254.7.1/16", "10.60.0.5/0"]) {
    assert.equal(of({ Address }).success, true, Address);
  }
  assert.equal(of({ AddressIPv6: "fe80::1/64" }).success, true);
});

Deno.test("a route has a next hop, unless it is connected", () => {
  const of = (route: unknown) =>
    JOINED.safeParse({ InterfaceName: { SrcName: "x" }, StaticRoutes: [route] }).success;
  assert.equal(of({ Destination: "0.0.0.0/0", NextHop: "10.0.0.1" }), true);
  assert.equal(of({ Destination: "10.0.0.0/8", RouteType: 1 }), true);
  assert.equal(of({ Destination: "0.0.0.0/0" }), false);
  assert.equal(of({ Destination: "0.0.0.0/0", NextHop: "10.0.0.1; x" }), false);
  assert.equal(of({ Destination: "0.0.0.0/0", RouteType: 2, NextHop: "10.0.0.1" }), false);
});

Deno.test("a pool has an id and a subnet", () => {
  assert.equal(POOL.safeParse({ PoolID: "p", Pool: "10.0.0.0/24" }).success, true);
  assert.equal(POOL.safeParse({ PoolID: "", Pool: "10.0.0.0/24" }).success, false);
  assert.equal(POOL.safeParse({ PoolID: "p", Pool: "10.0.0.0/33" }).success, false);
});
