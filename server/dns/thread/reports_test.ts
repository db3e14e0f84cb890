/** What users of other resolvers of containers and hosts have reported as faults, tried on this one. */
import assert from "node:assert/strict";
// @ts-types="../codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { Signal } from "../../../lib/async/signal.ts";
import { closeFd, libc } from "../../../lib/linux/libc.ts";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import {
  addresses,
  type Answers,
  type Came,
  reply,
  startDnsServer,
  TC,
} from "../../../tests/harness/dns_server.ts";
import { ok, until } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { openResolverSockets } from "../../sandbox/resolver/resolver_sockets.ts";
import { readFrame, writeFrame } from "../codec/tcp_frame.ts";
import type { NamesChange } from "../zones/names.ts";
import { ResolverThread } from "./resolver_thread.ts";

libc(); // Loaded once, for all tests.

const SERVER = "127.0.0.53";
const AT = { hostname: "127.0.0.11", port: 53 };

function service(name: string, address: string): NamesChange {
  const endpoints = [{ addresses: [address], ports: [], containerNames: [] }];
  return { type: "service", network: "n", id: name, service: { name, aliases: [], endpoints } };
}

function query(name: string, type = "A", id = 7): Uint8Array {
  const questions = [{ type, name, class: "IN" }];
  return new Uint8Array(encode({ type: "query", id, flags: 0x0100, questions }));
}

/** A sandbox on a network with the service `web`, that asks a server which answers as given. */
async function sandbox(answers: Answers = (came) => reply(came, addresses(came, 1))) {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await TestNamespace.create("p"));
  const server = stack.use(startDnsServer(path, SERVER, answers));
  const { udp, tcp, spare } = openResolverSockets(path);
  for (const fd of [udp, tcp, spare!]) stack.defer(() => closeFd(fd));
  const changes = new Signal<readonly NamesChange[]>();
  const all = (): NamesChange[] => [
    { type: "zone", network: "n", zone: { name: "foo", ttl: 5, subnets: ["10.5.0.0/16"] } },
    service("web", "10.5.0.1"),
    { type: "view", container: "c", view: { networks: ["n"], links: [], external: true } },
  ];
  const thread = new ResolverThread({ all, changes });
  stack.defer(() => thread.close());
  thread.serve("c", { udp, tcp }, { path, servers: [SERVER], search: [], otherwise: false });
  stack.defer(() => thread.end("c"));
  const socket = stack.adopt(
    inNamespace(
      path,
      () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
    ),
    (socket) => socket.close(),
  );
  const ask = async (name: string, type?: string) => {
    await socket.send(query(name, type), { transport: "udp", ...AT });
    return decode(Buffer.from((await socket.receive(new Uint8Array(4096)))[0]));
  };
  const rest = stack.move();
  return {
    ...{ ask, changes, server, path },
    connect: () => inNamespace(path, () => Deno.connect(AT)),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

const data = (answer: { answers: unknown[] }) =>
  answer.answers.map((record) => (record as { data: unknown }).data);

Deno.test("a name without that type exists (aardvark-dns 679, systemd 11192), and isn't asked for outside (pi-hole/FTL 2841)", async () => {
  await using at = await sandbox();
  for (const name of ["web", "web.foo"]) {
    for (const type of ["AAAA", "MX", "TXT", "UNKNOWN_65", "UNKNOWN_64"]) {
      const answer = await at.ask(name, type);
      assert.deepEqual([answer.rcode, answer.answers.length], ["NOERROR", 0], `${name} ${type}`);
    }
  }
  assert.equal(at.server.came.length, 0);
});

Deno.test("a connection has more than one query (aardvark-dns 605)", async () => {
  await using at = await sandbox();
  using conn = await at.connect();
  for (let id = 1; id < 4; id++) {
    await writeFrame(conn, query(id % 2 ? "web" : "outside.example", "A", id));
    assert.equal(decode(Buffer.from((await readFrame(conn))!)).id, id);
  }
});

Deno.test("half a query and a reset keep nobody busy (aardvark-dns, CVE-2026-35406)", async () => {
  await using at = await sandbox();
  for (let i = 0; i < 20; i++) {
    const conn = await at.connect();
    await conn.write(new Uint8Array([0, 200, 1, 2, 3]).subarray(0, 1 + i % 5));
    // Closed with unread answers, and at once: by a reset, and by an end.
    if (i % 2) await writeFrame(conn, query("web"));
    conn.close();
  }
  assert.deepEqual(data(await at.ask("web")), ["10.5.0.1"]);
  // What is read no further would stay at the resolver's side, half closed.
  await until("no connection is left", async () => {
    const argv = ["ss", "-Htan", "state", "connected", "sport = :53"];
    return (await ok(argv, { namespace: at.path })).trim() === "";
  });
});

Deno.test("letters count for nothing, and come back as they were sent (aardvark-dns 146)", async () => {
  await using at = await sandbox();
  for (const name of ["WEB", "wEb.FoO", "OutSide.Example"]) {
    const answer = await at.ask(name);
    assert.equal(answer.answers.length, 1, name);
    assert.equal(answer.questions![0]!.name, name);
  }
});

Deno.test("names that change meanwhile lose no query (aardvark-dns 389)", async () => {
  await using at = await sandbox();
  for (let i = 0; i < 500; i++) {
    at.changes.emit([service(`s${i % 50}`, `10.5.1.${i % 50}`)]);
    assert.deepEqual(data(await at.ask("web")), ["10.5.0.1"]);
  }
});

Deno.test("a cut answer is said to be cut (coredns 1669, 4183), within a record too (coredns 4343)", async () => {
  await using at = await sandbox((came) => {
    const whole = reply(came, addresses(came, 20), TC);
    return came.name.startsWith("within") ? whole.subarray(0, whole.length - 5) : whole;
  });
  for (const name of ["between.example", "within.example"]) {
    const raw = inNamespace(
      at.path,
      () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
    );
    await raw.send(query(name), { transport: "udp", ...AT });
    const [answer] = await raw.receive(new Uint8Array(4096));
    raw.close();
    assert.deepEqual([answer[2]! & 0x02, answer[3]! & 0xf], [0x02, 0], name);
  }
});

Deno.test("what is no answer doesn't end the wait for one (coredns 8287), nor is it given on (systemd 33300)", async () => {
  await using at = await sandbox((came) => {
    const good = reply(came, addresses(came, 1));
    const other = reply({ ...came, type: "AAAA" });
    return [good.subarray(0, 3), good.subarray(0, 11), other, new Uint8Array(0), good];
  });
  const answer = await at.ask("outside.example");
  assert.deepEqual([answer.rcode, data(answer)], ["NOERROR", ["192.0.2.0"]]);
});

Deno.test("a chain of aliases comes whole (systemd 4254, 18819), also to a single word (systemd 42410)", async () => {
  const chain = (came: Came) => [
    ...["a.example", "b"].map((data, i) => ({
      ...{ type: "CNAME", name: i === 0 ? came.name : "a.example", ttl: 60, data },
    })),
    ...came.type === "A" ? [{ type: "A", name: "b", ttl: 60, data: "192.0.2.9" }] : [],
  ];
  await using at = await sandbox((came) => reply(came, chain(came)));
  assert.deepEqual(data(await at.ask("www.example")), ["a.example", "b", "192.0.2.9"]);
  const six = await at.ask("www.example", "AAAA");
  assert.deepEqual([six.rcode, data(six)], ["NOERROR", ["a.example", "b"]]);
});

Deno.test("a domain of the top has an address (systemd 32864), and a domain a DS (https_dns_proxy 20)", async () => {
  const digest = Buffer.alloc(32, 1);
  const signer = { keyTag: 1, algorithm: 8, digestType: 2, digest };
  await using at = await sandbox((came) =>
    reply(
      came,
      came.type === "A" ? addresses(came, 1) : [{
        ...{ type: "DS", name: came.name, ttl: 60, data: signer },
      }],
    )
  );
  assert.deepEqual(data(await at.ask("ai")), ["192.0.2.0"]);
  const [record] = data(await at.ask("cloudflare.example", "DS"));
  assert.deepEqual((record as typeof signer).digest, digest);
});
