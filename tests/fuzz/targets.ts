/**
 * All that is fuzzed: whatever reads what a client, the store, an engine, a plugin, the kernel's tools or
 * a user wrote.
 *
 * @module
 */
import fc from "fast-check";
import { z } from "zod";
import { parsePublish, parseServicePort } from "../../cli/run/ports.ts";
import { parseAddress } from "../../cli/client/address.ts";
import { linksByName, sandboxEndIsRight } from "../../drivers/links/observe.ts";
import { readTable } from "../../drivers/nft/observe.ts";
import { PORT_TABLE } from "../../drivers/nft/port_table.ts";
import { setNames } from "../../drivers/nft/table.ts";
import { HOST_TABLE } from "../../drivers/bridge/rules.ts";
import { isNetsvcs } from "../../drivers/bridge/reconcile.ts";
import * as messages from "../../drivers/remote/protocol/messages.ts";
import * as schemas from "../../lib/api/schemas/mod.ts";
import { schemaError } from "../../server/http/problems.ts";
import * as bodies from "../../server/docker/api/bodies.ts";
import { parseFilters } from "../../server/docker/api/filters.ts";
import {
  cidrContains,
  firstIp,
  formatCidr,
  formatIp,
  lastIp,
  parseCidr,
  parseCidrAddress,
  tryParseIp,
} from "../../lib/ip/cidr.ts";
import { parseAddressPool } from "../../server/ipam/default_pools.ts";
import { parseListenAddress } from "../../server/http/listen/listen.ts";
import {
  parseRestart,
  restartText,
} from "../../server/controllers/containers/restart/restart_policy.ts";
import { faultOf } from "../../server/model/shared_records.ts";
import { checkAlias, checkName, splitServiceReference } from "../../lib/api/names.ts";
import { safely } from "../../lib/api/safely.ts";
import { parseStoreUrl } from "../../kv/url/url.ts";
import { run as runDns } from "./dns.ts";
import { anything, check, nasty, read, shaped, type Target, target, texts } from "./target.ts";

/** A line for ip, bridge or nft, or a path, with such a character is several. */
// deno-lint-ignore no-control-regex -- these are what it is about
const BREAKS = /[\u0000\n\r]/;

type Schemas = [string, z.ZodType][];

function schemasOf(module: Record<string, unknown>, which: RegExp): Schemas {
  return Object.entries(module).filter((entry): entry is [string, z.ZodType] =>
    which.test(entry[0]) && entry[1] instanceof z.ZodType
  );
}

/** Bodies by their schemas: taken or refused in a sentence, and taken again as they were taken. */
function bodiesOf(
  name: string,
  all: Schemas,
  verify: (name: string, data: unknown) => void,
): Target {
  const inputs = fc.oneof(
    ...all.map(([name, schema]) => shaped(schema).map((value) => ({ name, schema, value }))),
  );
  return target(name, inputs, ({ name, schema, value }) => {
    const result = safely(() => schema.safeParse(value));
    if (!result) return;
    if (result.success) return verify(name, result.data);
    const { message } = schemaError(result.error);
    check(message.length > 0 && message.length < 20_000, "a refusal is a sentence");
  });
}

const KEYS = [
  "networks/",
  "services/",
  "members/",
  "hosts/",
  "addresses/",
  "retired/",
  "macs/",
  "vnis/",
  "host-names/",
];
const ID = "ab".repeat(32);
const RECORD = fc.dictionary(
  fc.constantFrom(
    ...[
      "id",
      "name",
      "network",
      "created",
      "addresses",
      "mac",
      "backend",
      "aliases",
      "ports",
      "driver",
    ],
    ...[
      "scope",
      "pools",
      "options",
      "labels",
      "schema",
      "host",
      "hostId",
      "interface",
      "vni",
      "address",
      "overlayPort",
    ],
    ...["container", "runtime", "attached", "version", "started", "internal", "ipv6", "retired"],
  ),
  fc.oneof(nasty, anything, fc.constant(ID), fc.constantFrom(1, true, "2026-01-01T00:00:00Z")),
);

const LINK = fc.record({
  ifname: nasty,
  address: nasty,
  mtu: fc.integer(),
  operstate: fc.constantFrom("UP", "DOWN"),
  flags: fc.array(nasty),
  ifalias: fc.oneof(nasty, fc.constant(`netsvc:${ID}`)),
  addr_info: fc.array(fc.record({ local: nasty, prefixlen: fc.integer(), scope: nasty })),
}, { requiredKeys: ["ifname", "mtu", "operstate", "flags", "addr_info"] });

const SET = fc.constantFrom(...[HOST_TABLE, PORT_TABLE].flatMap((table) => setNames([table])), "x");
const NFT = fc.oneof(
  fc.record({ set: fc.record({ name: SET, elem: fc.array(anything, { maxLength: 4 }) }) }),
  fc.record({ map: fc.record({ name: SET, elem: fc.array(fc.tuple(anything, anything)) }) }),
  fc.record({ chain: fc.record({ name: nasty }) }),
  fc.record({ rule: fc.record({ chain: nasty }) }),
);

/** All of them. */
export const TARGETS: Target[] = [
  target("dns", fc.uint8Array({ maxLength: 600 }), runDns),
  bodiesOf(
    "api",
    schemasOf(
      schemas,
      /^(Create|Publish|Attach|Detach|Exec|Process|Launch(Container)|Stop|Kill|Started|Exited)/,
    ),
    (_name, data) => {
      check(JSON.stringify(data).length < 10_000_000, "what is taken is bounded");
    },
  ),
  bodiesOf("engine", schemasOf(bodies, /^[A-Z]/), () => {}),
  bodiesOf("plugin", schemasOf(messages, /^[A-Z_]+$/), (name, data) => {
    // Addresses, links and routes go to ip(8); ids and data only back to the plugin, a prefix nowhere.
    if (["CREATED_ENDPOINT", "JOINED"].includes(name)) {
      const { InterfaceName, ...rest } = data as Record<string, unknown>;
      const { DstPrefix: _, ...link } = (InterfaceName ?? {}) as Record<string, unknown>;
      const all = [...texts(rest), ...texts(link)];
      check(!all.some((text) => BREAKS.test(text)), `a line break in ${name}`);
    }
  }),
  target(
    "records",
    fc.tuple(
      fc.tuple(
        fc.constantFrom(...KEYS),
        fc.array(fc.oneof(fc.constant(ID), nasty), { maxLength: 3 }),
      ),
      fc.oneof(
        RECORD.map((value) => JSON.stringify(value)),
        nasty,
        anything.map((v) => JSON.stringify(v)),
      ),
    ),
    ([[prefix, rest], value]) => {
      const key = `${prefix}${rest.join("/")}`;
      const fault = faultOf(key, value);
      if (fault !== undefined) return check(fault.length > 0, "a fault is named");
      check(!BREAKS.test(key), "a key that is taken is one line");
      check(
        !value.includes("\\n") && !value.includes("\\u0000"),
        `what is taken is one line: ${value}`,
      );
    },
  ),
  target("nft", fc.array(NFT, { maxLength: 6 }), (objects) => {
    for (const table of [HOST_TABLE, PORT_TABLE]) readTable(table, objects as never);
  }),
  target("filters", nasty, (text) => void read(() => parseFilters(text))),
  target("links", fc.array(LINK, { maxLength: 5 }), (links) => {
    for (const link of links) {
      if (isNetsvcs(link)) {
        check(!BREAKS.test(link.ifname) || link.ifalias !== undefined, "a name is a line");
      }
    }
    linksByName(links);
    const join = { interface: "eth0", endpoint: { mac: "x", addresses: ["10.0.0.1/8"] } };
    sandboxEndIsRight(links, join as Parameters<typeof sandboxEndIsRight>[1]);
  }),
  target(
    "addresses",
    fc.oneof(
      nasty,
      fc.tuple(fc.ipV4(), fc.integer({ min: -1, max: 33 })).map(([ip, n]) => `${ip}/${n}`),
      fc.tuple(fc.ipV6(), fc.integer({ min: -1, max: 129 })).map(([ip, n]) => `${ip}/${n}`),
      fc.ipV6(),
    ),
    (text) => {
      const ip = tryParseIp(text);
      if (ip) {
        check(
          tryParseIp(formatIp(ip))?.value === ip.value,
          `${text} is another address when it is written`,
        );
      }
      const cidr = read(() => parseCidr(text));
      if (cidr) {
        const again = parseCidr(formatCidr(cidr));
        check(
          again.value === cidr.value && again.prefix === cidr.prefix,
          `${text} is another block`,
        );
        check(
          cidrContains(cidr, firstIp(cidr)) && cidrContains(cidr, lastIp(cidr)),
          "its ends are in it",
        );
        check(!BREAKS.test(formatCidr(cidr)), "a block is one line");
      }
      const both = read(() => parseCidrAddress(text));
      if (both) check(cidrContains(both.cidr, both.address), "an address is in its block");
      read(() => parseAddressPool(text));
    },
  ),
  target("names", nasty, (text) => {
    for (const reader of [() => checkName("x", text), () => checkAlias(text)]) {
      const name = read(reader);
      if (name !== undefined) {
        check(/^[A-Za-z0-9_.-]+$/.test(name), `${JSON.stringify(text)} is no name`);
      }
    }
    read(() => splitServiceReference(text));
  }),
  target("words", nasty, (text) => {
    for (const port of read(() => parsePublish(text)) ?? []) {
      check(port.containerPort >= 1 && port.containerPort <= 65535, `${text}: no port`);
    }
    read(() => parseServicePort(text, "service publish"));
    read(() => parseAddress(text, false));
    read(() => parseListenAddress(text));
    read(() => parseStoreUrl(text, {}));
    const restart = read(() => parseRestart(text));
    if (restart) {
      check(restartText(parseRestart(restartText(restart))!) === restartText(restart), text);
    }
  }),
];
