import assert from "node:assert/strict";
import fc from "fast-check";
import { faultOf, isNewer } from "./shared_records.ts";

const NET = "a".repeat(64), SVC = "b".repeat(64), HOST = "c".repeat(64), BOX = "d".repeat(64);
const CREATED = "2026-01-01T00:00:00.000Z";

/** As netsvc 0.1.0 writes them, without a version. */
const network = {
  ...{ id: NET, name: "prod", driver: "overlay", scope: "global", created: CREATED },
  ...{ internal: false, ipv6: true, vni: 4097, predefined: false },
  pools: [
    { family: 4, subnet: "172.16.0.0/20", range: "172.16.1.0/24", aux: { gw: "172.16.0.9" } },
    { family: 6, subnet: "fd00:1::/64", gateway: "fd00:1::1" },
  ],
  ...{ options: { mtu: "1400" }, labels: { "com.example": "ü" } },
};
const backend = {
  ...{ container: BOX, containerName: "db", runtime: "netsvc", host: "host-1", hostId: HOST },
  ...{ address: "10.0.0.1", interface: "eth0", attached: CREATED },
  aliases: [{ service: "db.prod", alias: "db.local" }],
};
const service = {
  ...{ v: 2, id: SVC, name: "db", network: NET, created: CREATED, mode: "single" },
  ...{ aliases: ["database"], ports: [{ name: "pg", port: 5432, protocol: "tcp" }], auto: BOX },
};
const endpoint = {
  ...{ v: 1, id: SVC, service: SVC, network: NET, backend },
  ...{ addresses: ["172.16.0.2/20", "fd00:1::2/64"], mac: "02:00:00:00:00:01" },
};
const host = {
  ...{ id: HOST, name: "host-1.example", address: "fd99::1", overlayPort: 4789, version: "0.1.0" },
  started: CREATED,
};
/** A service with many backends, and an endpoint of it. */
const many = { ...(({ auto: _, ...rest }) => rest)(service), v: 3, mode: "dnsrr" };
const part = { ...endpoint, v: 2, id: "e".repeat(64), weight: 3, draining: CREATED };
const GOOD: [key: string, value: unknown][] = [
  [`networks/${NET}`, network],
  [`services/${NET}/${SVC}`, service],
  [`endpoints/${NET}/${SVC}`, endpoint],
  [`hosts/${HOST}`, host],
  [`members/${NET}/${HOST}`, { host: HOST, name: "host-1", address: "10.0.0.1" }],
  [`retired/${NET}/db`, { addresses: ["172.16.0.2/20"], mac: endpoint.mac, retired: CREATED }],
  [`network-names/prod`, NET],
  [`network-fences/${NET}`, CREATED],
  [`service-names/${NET}/db`, SVC],
  [`addresses/${NET}/fd00:1::2`, SVC],
  [`macs/${NET}/${endpoint.mac}`, SVC],
  ["vnis/4097", NET],
  [`host-names/host-1.example`, HOST],
  [`host-leases/${HOST}`, "host-1"],
  [`host-backends/${HOST}/${NET}/${SVC}`, "db"],
  [`probes/${HOST}/0123456789abcdef/request`, {
    ...{ from: HOST, end: { address: "10.0.0.1", port: 4789, sizes: [98, 1500] } },
  }],
  [`probes/${HOST}/0123456789abcdef/report`, { heard: [98], refused: { 1500: 90 } }],
];

Deno.test("records are let in, those of the first version also without saying so", () => {
  for (const [key, value] of GOOD) {
    assert.equal(faultOf(key, JSON.stringify(value)), undefined, key);
    if (typeof value !== "object" || key.startsWith("services/")) continue;
    const { v: _, ...record } = value as Record<string, unknown>;
    for (const form of [record, { ...record, schema: 1 }, { ...record, v: 1 }]) {
      assert.equal(faultOf(key, JSON.stringify(form)), undefined, key);
    }
  }
});

Deno.test("a service that holds its endpoint is of the old form, and isn't let in", () => {
  const { v: _, mode: _mode, ...fields } = service;
  const old = { ...fields, addresses: endpoint.addresses, mac: endpoint.mac, backend };
  assert.match(faultOf(`services/${NET}/${SVC}`, JSON.stringify(old))!, /of version 1, not 2/);
  assert.notEqual(faultOf(`services/${NET}/${SVC}`, JSON.stringify({ ...old, v: 2 })), undefined);
});

function versioned(v: number, record: unknown): string {
  return JSON.stringify({ v, ...record as object });
}

Deno.test("a record of a newer version is told from one that is none", () => {
  const key = `hosts/${HOST}`;
  assert.ok(isNewer(key, versioned(2, { anything: true })));
  assert.match(faultOf(key, versioned(2, host))!, /^a newer netsvc wrote it, as version 2$/);
  for (const text of [versioned(1, host), versioned(0, host), '{"v":"9"}', "null", "[", '"x"']) {
    assert.ok(!isNewer(key, text), text);
  }
  assert.ok(!isNewer("nothing/of/ours", versioned(99, host)));
});

Deno.test("what isn't a record, or one of another version or key, is left out", () => {
  for (const [key] of GOOD) {
    for (
      const value of [
        ...'null|not json||[]|{}|0|true|""|{"schema":2}'.split("|"),
        "[".repeat(100_000) + "]".repeat(100_000),
        `{"a":`.repeat(50_000) + "1" + "}".repeat(50_000),
        JSON.stringify({ id: "x".repeat(1_000_000) }),
        JSON.stringify("\ud800"),
        '{"__proto__":{"id":"x"}}',
      ]
    ) assert.notEqual(faultOf(key, value), undefined, `${key}: ${value.slice(0, 40)}`);
  }
  for (const [key, value] of GOOD.filter(([, value]) => typeof value === "object")) {
    const fields = value as Record<string, unknown>;
    assert.notEqual(faultOf(key, JSON.stringify({ ...fields, v: 99 })), undefined, key);
    assert.notEqual(faultOf(key, JSON.stringify({ ...fields, more: 1 })), undefined, key);
    assert.notEqual(
      faultOf(key, JSON.stringify(fields).replace("{", '{"__proto__":{},')),
      undefined,
    );
    for (const name of ["constructor", "toString"]) {
      assert.notEqual(faultOf(key, JSON.stringify({ ...fields, [name]: 1 })), undefined);
    }
  }
  for (
    const [key, value] of [
      [`networks/${SVC}`, network],
      [`networks/${NET}/x`, network],
      [`services/${SVC}/${NET}`, service],
      [`services/${NET}/${NET}`, service],
      [`endpoints/${SVC}/${NET}`, endpoint],
      [`endpoints/${NET}/${NET}`, endpoint],
      [`endpoints/${NET}/${SVC}`, { ...endpoint, network: SVC }],
      [`hosts/${NET}`, host],
      [`members/${NET}/${NET}`, { host: HOST, name: "host-1" }],
      [`containers/${BOX}`, {}],
      ["networks/", network],
      ["host-names/\n", HOST],
      ["host-names/a\u001b[2J", HOST],
      ["__proto__/x", network],
      ["x", network],
    ] as const
  ) assert.notEqual(faultOf(key, JSON.stringify(value)), undefined, key);
});

Deno.test("an endpoint is at no address that no link can have", () => {
  const key = `endpoints/${NET}/${SVC}`;
  const fault = (address: string) =>
    faultOf(key, JSON.stringify({ ...endpoint, addresses: [address] }));
  for (
    const address of [
      ...["127.0.0.1/8", "0.0.0.0/0", "224.0.0.1/4", "172.16.0.0/20", "172.16.15.255/20"],
      ...["::/0", "::1/128", "ff02::1/64"],
    ]
  ) assert.match(fault(address) ?? "", /no link can have it/, address);
  for (const address of ["172.16.0.1/20", "10.0.0.0/31", "169.254.1.1/16", "fd00:1::/64"]) {
    assert.equal(fault(address), undefined, address);
  }
});

/** Texts that would be more than what they stand for, wherever they become words of a command. */
const EVIL = [
  "\nvrf exec default sh -c id",
  "02:00:00:00:00:77 dev vxlan0 nud permanent\nvrf exec default id\nneigh replace 172.16.0.78",
  " dev lo",
  "../../x",
  "\0",
  "#",
  "'",
  '"',
  "\\",
  " -batch /x",
  "; id",
  "$(id)",
  "}; flush ruleset",
  "\ud800",
  "\u2028",
];

/** Paths of all texts in a record that a command or a file is made of. */
const FIELDS: [key: string, record: object, paths: string[]][] = [
  [`networks/${NET}`, network, [
    ..."id name driver scope created pools.0.subnet pools.0.range pools.1.gateway".split(" "),
    ..."pools.0.aux.gw options.mtu options.ttl options.vni".split(" "),
  ]],
  [`services/${NET}/${SVC}`, service, [
    ..."id name network created mode aliases.0 ports.0.protocol auto".split(" "),
  ]],
  [`endpoints/${NET}/${SVC}`, endpoint, [
    ..."id service network addresses.0 addresses.1 mac".split(" "),
    ..."backend.container backend.runtime backend.hostId backend.address".split(" "),
    ..."backend.interface backend.attached backend.aliases.0.alias".split(" "),
  ]],
  [`hosts/${HOST}`, host, ["id", "address", "started", "overlayPort"]],
  [`members/${NET}/${HOST}`, { host: HOST, name: "h", address: "10.0.0.1" }, ["host", "address"]],
  [`retired/${NET}/db`, { addresses: ["172.16.0.2/20"], mac: endpoint.mac, retired: CREATED }, [
    "addresses.0",
    "mac",
  ]],
];

function withField(record: object, path: string, value: unknown): string {
  const copy = structuredClone(record) as Record<string, unknown>;
  const words = path.split(".");
  const last = words.pop()!;
  let at = copy;
  for (const word of words) at = at[word] as Record<string, unknown>;
  at[last] = value;
  return JSON.stringify(copy);
}

Deno.test("no field that becomes a word of a command takes anything but such a word", () => {
  for (const [key, record, paths] of FIELDS) {
    for (const path of paths) {
      const old = path.split(".").reduce<unknown>(
        (at, word) => (at as Record<string, unknown>)?.[word],
        record,
      );
      for (const evil of EVIL) {
        for (const value of [evil, `${old}${evil}`, `${evil}${old}`]) {
          assert.notEqual(
            faultOf(key, withField(record, path, value)),
            undefined,
            `${path}: ${JSON.stringify(value)}`,
          );
        }
      }
      for (const value of [null, "", "..", "-batch", 1.5, -1, [], {}, true, "x".repeat(70_000)]) {
        assert.notEqual(faultOf(key, withField(record, path, value)), undefined, path);
      }
    }
  }
});

Deno.test("a network of the store can't be a host's own, nor have what only those have", () => {
  const key = `networks/${NET}`;
  for (
    const change of [
      { scope: "local" },
      { driver: "bridge" },
      { driver: "host" },
      { predefined: true },
      { role: "gateway" },
      { vni: 0 },
      { vni: 2 ** 24 },
      { options: { name: "docker0" } },
      { options: { mtu: "1000" } },
      { pools: [{ family: 6, subnet: "172.16.0.0/20" }] },
      { pools: [{ family: 4, subnet: "172.16.0.0/20", gateway: "10.0.0.1" }] },
    ]
  ) {
    const value = JSON.stringify({ ...network, ...change });
    assert.notEqual(faultOf(key, value), undefined, JSON.stringify(change));
  }
  const leg = JSON.stringify({ ...service, leg: true });
  assert.notEqual(faultOf(`services/${NET}/${SVC}`, leg), undefined);
});

Deno.test("whatever the store holds is judged, and nothing is thrown", () => {
  const keys = fc.constantFrom(...GOOD.map(([key]) => key));
  fc.assert(
    fc.property(fc.oneof(keys, fc.string()), fc.oneof(fc.json(), fc.string()), (key, value) => {
      const fault = faultOf(key, value);
      assert.ok(fault === undefined || fault.length < 400);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a record with a length that is none is named, and throws nothing", () => {
  const length = { length: { valueOf: 1, toString: 1 } };
  for (const field of ["id", "name", "addresses", "aliases", "mac"]) {
    const value = JSON.stringify({ [field]: length });
    assert.match(faultOf(`services/${"a".repeat(64)}/${"b".repeat(64)}`, value) ?? "", /./);
  }
});

Deno.test("a backend's link is one link, a host's address that of one host", () => {
  const key = `endpoints/${NET}/${SVC}`;
  for (const name of ["all", "default", "lo"]) {
    assert.notEqual(faultOf(key, withField(endpoint, "backend.interface", name)), undefined, name);
  }
  for (const address of ["0.0.0.0", "224.0.0.1", "239.1.2.3", "255.255.255.255", "::", "ff02::1"]) {
    for (
      const [kind, record, path] of [
        [key, endpoint, "backend.address"],
        [`hosts/${HOST}`, host, "address"],
        [`members/${NET}/${HOST}`, { host: HOST, name: "h", address: "10.0.0.1" }, "address"],
      ] as const
    ) {
      assert.notEqual(faultOf(kind, withField(record, path, address)), undefined, address);
      assert.equal(faultOf(kind, withField(record, path, "fe80::1")), undefined);
    }
  }
});

Deno.test("a service with many backends, and its endpoints, are of versions that say so", () => {
  const fault = (kind: string, value: { id: string }) =>
    faultOf(`${kind}/${NET}/${value.id}`, JSON.stringify(value));
  assert.equal(fault("services", many), undefined);
  assert.equal(fault("endpoints", part), undefined);
  const vip = { ...many, mode: "vip", addresses: ["172.16.0.9/20"] };
  assert.equal(fault("services", vip), undefined);
  const ports = [{ port: 80, protocol: "tcp", target: 8080 }];
  assert.equal(fault("services", { ...vip, ports } as never), undefined);
  const { backend: _, ...idle } = part;
  const bad: [string, { id: string }][] = [
    ["services", { ...many, v: 2 } as never],
    ["services", { ...service, v: 3 } as never],
    ["services", { ...many, mode: "all" } as never],
    ["services", { ...many, mode: "vip" } as never],
    ["services", { ...vip, mode: "dnsrr" } as never],
    ["services", { ...vip, addresses: ["172.16.0.9/20; flush ruleset"] } as never],
    ["services", { ...vip, ports: [{ ...ports[0], target: "80 }" }] } as never],
    ["services", { ...service, ports } as never],
    ["services", { ...many, auto: BOX } as never],
    ["endpoints", { ...part, v: 1 } as never],
    ["endpoints", { ...endpoint, v: 2 } as never],
    ["endpoints", { ...endpoint, weight: 3 } as never],
    ["endpoints", { ...part, service: part.id } as never],
    ["endpoints", idle as never],
    ...[0, 101, 1.5, "1"].map((weight) => ["endpoints", { ...part, weight }] as never),
    ["endpoints", { ...part, draining: "soon" } as never],
  ];
  for (const [kind, value] of bad) {
    assert.notEqual(fault(kind, value), undefined, JSON.stringify(value));
  }
  assert.equal(isNewer(`services/${NET}/${SVC}`, JSON.stringify({ ...many, v: 4 })), true);
  assert.equal(isNewer(`endpoints/${NET}/${SVC}`, JSON.stringify({ ...part, v: 2 })), false);
  assert.match(fault("services", { ...service, v: 1 } as never)!, /version 1, not 2 or 3/);
});
