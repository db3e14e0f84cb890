/** Single words, asked through a real server that knows two domains. */
import assert from "node:assert/strict";
// @ts-types="../codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import {
  addresses,
  type Came,
  reply,
  startDnsServer,
  TC,
} from "../../../tests/harness/dns_server.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { parseQuery } from "../codec/codec.ts";
import { Forwarder } from "../upstream/forwarder.ts";
import { answerByAlias, HEADER } from "../codec/records.ts";
import { askOutside, domainBytes } from "./search.ts";

const NXDOMAIN = 3, SERVFAIL = 2;

function query(name: string, type: string): Uint8Array {
  return new Uint8Array(encode({
    ...{ type: "query", id: 99, flags: 0x0100 },
    questions: [{ type, name, class: "IN" }],
  }));
}

const at = (name: string, type: string, data: unknown) => ({ name, type, ttl: 30, data });

/** What the server knows, by name and type; a name without the type has no data. */
function answers(came: Came): Uint8Array {
  const { name, type } = came;
  const [label, ...rest] = name.toLowerCase().split(".");
  const domain = rest.join(".");
  const full = `${label}.${domain}`;
  if (domain === "corp.example") {
    if (label === "intra") return reply(came, type === "A" ? addresses(came, 2) : []);
    if (label === "six") return reply(came, type === "AAAA" ? [at(name, type, "2001:db8::6")] : []);
    if (label === "alias") {
      return reply(came, [
        at(full, "CNAME", "www.far.example"),
        ...type === "A" ? [at("www.far.example", "A", "192.0.2.9")] : [],
      ]);
    }
    if (label === "mail") return reply(came, type === "MX" ? mx(full) : []);
    if (label === "broken") return reply(came, [], SERVFAIL);
    if (label === "long") {
      return reply(came, came.tcp ? addresses(came, 90) : [], came.tcp ? 0 : TC);
    }
  }
  if (domain === "lab.example") {
    if (["mail", "second", "broken"].includes(label!)) return reply(came, addresses(came, 1));
  }
  if (name.toLowerCase() === "tld") return reply(came, addresses(came, 1));
  return reply(came, [], NXDOMAIN);
}

const mx = (name: string) => [at(name, "MX", { preference: 10, exchange: `mx.${name}` })];

async function serve() {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await TestNamespace.create("s"));
  const server = stack.use(startDnsServer(namespace.path, "127.0.0.53", answers));
  const forwarder = stack.adopt(
    new Forwarder(() => [{ hostname: "127.0.0.53" }], {
      within: (action) => inNamespace(namespace.path, action),
    }),
    (forwarder) => forwarder.close(),
  );
  const ask = async (
    name: string,
    type = "A",
    { domainNeeded = false, search = ["corp.example", "lab.example."], tcp = false } = {},
  ) => {
    const message = query(name, type);
    const parsed = parseQuery(message);
    assert.ok(parsed.ok);
    const bytes = await askOutside({ message, query: parsed.query, tcp }, {
      rules: { search, domainNeeded },
      forwarder,
    });
    assert.ok(bytes);
    const { id, rcode, questions, answers, flag_tc } = decode(Buffer.from(bytes));
    assert.equal(id, 99);
    assert.deepEqual(questions.map(({ name, type }) => [name, type]), [[name, type]]);
    return { rcode, answers, flag_tc };
  };
  const rest = stack.move();
  return { ask, came: server.came, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("single words are found in the search list, under the name that was asked for", async () => {
  await using server = await serve();
  const { ask, came } = server;
  const found = await ask("iNtra");
  assert.deepEqual(found.answers.map(({ name, type, data }) => [name, type, data]), [
    ["iNtra", "CNAME", "iNtra.corp.example"],
    ["iNtra.corp.example", "A", "192.0.2.0"],
    ["iNtra.corp.example", "A", "192.0.2.1"],
  ]);
  assert.ok(came.every(({ name }) => name !== "iNtra"), "not asked as it is");
  const none = await ask("intra", "AAAA");
  assert.equal(none.rcode, "NOERROR");
  assert.deepEqual(none.answers.map(({ name, type }) => [name, type]), [["intra", "CNAME"]]);
  assert.deepEqual((await ask("six", "AAAA")).answers.map(({ data }) => data), [
    "six.corp.example",
    "2001:db8::6",
  ]);
  const chain = await ask("alias");
  assert.deepEqual(chain.answers.map(({ data }) => data), [
    "alias.corp.example",
    "www.far.example",
    "192.0.2.9",
  ]);
  assert.equal((await ask("second")).answers.length, 2, "in the second domain");
  assert.equal((await ask("long")).flag_tc, true);
  assert.equal((await ask("long", "A", { tcp: true })).answers.length, 91);
  const [alias, record] = (await ask("mail", "MX")).answers;
  assert.equal(alias!.name, "mail");
  assert.deepEqual(record, mx("mail.corp.example").map((r) => ({ ...record, ...r }))[0]);
});

Deno.test("a domain in which a word has no address is passed over, others count", async () => {
  await using server = await serve();
  const { ask, came } = server;
  assert.deepEqual((await ask("mail")).answers.map(({ name }) => name), [
    "mail",
    "mail.lab.example",
  ], "in the first it has mail alone");
  assert.equal((await ask("broken")).answers.length, 2, "the first doesn't work");
  const search = ["corp.example"];
  assert.equal((await ask("broken", "A", { search })).rcode, "SERVFAIL");
  assert.deepEqual((await ask("mail", "A", { search })).rcode, "NOERROR", "it exists");
  assert.equal((await ask("nobody")).rcode, "NXDOMAIN");
  assert.equal((await ask("tld")).answers[0]?.name, "tld", "last of all as it is");
  came.splice(0);
  await ask("com", "NS");
  assert.deepEqual(came.map(({ name }) => name), ["com"]);
  came.splice(0);
  const twenty = Array.from({ length: 20 }, (_, i) => `d${i}.example`);
  await ask("nobody", "A", { search: ["..", "a b", "x".repeat(64), ".", ...twenty] });
  assert.ok(came.length <= 7, `${came.length} questions`);
});

Deno.test("--dns-domain-needed: no single word is asked outside as it is", async () => {
  await using server = await serve();
  const { ask, came } = server;
  const domainNeeded = true;
  for (const type of ["A", "AAAA", "MX", "TXT", "SRV", "NS", "SOA", "ANY"]) {
    for (const name of ["tld", "nobody"]) {
      assert.equal((await ask(name, type, { domainNeeded })).rcode, "NXDOMAIN");
    }
  }
  assert.equal((await ask("intra", "A", { domainNeeded })).answers.length, 3);
  assert.equal((await ask("intra", "AAAA", { domainNeeded })).rcode, "NOERROR");
  assert.equal(
    (await ask("broken", "A", { domainNeeded, search: ["corp.example"] })).rcode,
    "SERVFAIL",
  );
  assert.deepEqual(came.filter(({ name }) => !name.includes(".")), []);
  await ask("com", "DS", { domainNeeded });
  assert.deepEqual(came.filter(({ name }) => !name.includes(".")).length, 1, "DNSSEC needs it");
});

Deno.test("answerByAlias() keeps what compressed names mean, and throws at nothing", () => {
  // www.corp.example, compressed as servers do it: pointers to the question, and to other records.
  const name = domainBytes("www.corp.example")!;
  const question = new Uint8Array([...name, 0, 1, 0, 1]);
  const after = HEADER + question.length;
  const reply = new Uint8Array([
    ...[0, 7, 0x81, 0xa0, 0, 1, 0, 2, 0, 1, 0, 0],
    ...question,
    // CNAME to "x" below corp.example, then its address, then a SOA of corp.example.
    ...[0xc0, HEADER, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, 120, 0xc0, HEADER + 4],
    ...[0xc0, after + 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7],
    ...[
      0xc0,
      HEADER + 4,
      0,
      6,
      0,
      1,
      0,
      0,
      0,
      9,
      0,
      27,
      2,
      110,
      115,
      0xc0,
      HEADER + 4,
      0xc0,
      after + 12,
    ],
    ...new Uint8Array(20),
  ]);
  const word = new Uint8Array([3, 119, 87, 119, 0, 0, 1, 0, 1]);
  const packet = decode(Buffer.from(answerByAlias(reply, word)!));
  assert.deepEqual(packet.answers.map(({ name, data }) => [name, data]), [
    ["wWw", "www.corp.example"],
    ["www.corp.example", "x.corp.example"],
    ["x.corp.example", "192.0.2.7"],
  ]);
  const [soa] = packet.authorities as { name: string; data: { mname: string; rname: string } }[];
  assert.deepEqual([soa!.name, soa!.data.mname, soa!.data.rname], [
    "corp.example",
    "ns.corp.example",
    "x.corp.example",
  ]);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(reply.length - 1), fc.nat(255)), { maxLength: 4 }),
      (changes) => {
        const bytes = reply.slice();
        for (const [at, value] of changes) bytes[at] = value;
        answerByAlias(bytes, word);
      },
    ),
    { numRuns: 5000 },
  );
});
