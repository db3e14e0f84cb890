/** A sandbox's resolver on its real sockets, with a real server outside. */
import assert from "node:assert/strict";
// @ts-types="./codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { closeFd } from "../../lib/linux/libc.ts";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import { addresses, type Answers, reply, startDnsServer } from "../../tests/harness/dns_server.ts";
import { TestNamespace } from "../../tests/harness/host.ts";
import { openResolverSockets } from "../sandbox/resolver/resolver_sockets.ts";
import { Forwarder } from "./upstream/forwarder.ts";
import { ResolverServer } from "./server.ts";
import { readFrame, writeFrame } from "./codec/tcp_frame.ts";
import type { View } from "./zones/view.ts";
import { buildZone } from "../../tests/harness/zone.ts";

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function query(id: number, name: string, edns?: number): Uint8Array {
  return new Uint8Array(encode({
    ...{ type: "query", id, flags: 0x0100, questions: [{ type: "A", name, class: "IN" }] },
    ...edns !== undefined && {
      additionals: [{ type: "OPT", name: ".", udpPayloadSize: edns, flags: 0, options: [] }],
    },
  }));
}

/** Of 100 backends of one alias, `many`. */
const VIEW: View = {
  networks: [buildZone({
    name: "foo",
    ttl: 5,
    subnets: ["10.5.0.0/16"],
    services: Array.from({ length: 100 }, (_, i) => ({
      ...{ name: `s${i}`, aliases: ["many"] },
      endpoints: [{ addresses: [`10.5.0.${i + 2}`], ports: [], containerNames: [] }],
    })),
  })],
  links: [],
  external: true,
};

const pauses = new Set<Promise<void>>();

/** Names that begin with `slow` take a second, and some never come. */
const answers: Answers = async (came) => {
  if (came.name.startsWith("never")) return undefined;
  if (came.name.startsWith("slow")) {
    const pause = sleep(1000);
    pauses.add(pause);
    await pause;
  }
  return reply(came, addresses(came, 1));
};

async function serve(sandboxes = 1) {
  await using stack = new AsyncDisposableStack();
  const outside = stack.use(await TestNamespace.create("o"));
  const server = stack.use(startDnsServer(outside.path, "127.0.0.53", answers));
  const forwarder = stack.adopt(
    new Forwarder(() => [{ hostname: "127.0.0.53" }], {
      within: (action) => inNamespace(outside.path, action),
    }),
    (forwarder) => forwarder.close(),
  );
  const resolver = stack.adopt(new ResolverServer({ forwarder }), (resolver) => resolver.close());
  const paths: string[] = [];
  for (let i = 0; i < sandboxes; i++) {
    const { path } = stack.use(await TestNamespace.create("r"));
    const { udp, tcp, spare } = openResolverSockets(path);
    for (const fd of [udp, tcp, spare!]) stack.defer(() => closeFd(fd));
    stack.adopt(resolver.serve({ udp, tcp }, VIEW), (served) => served.close());
    paths.push(path);
  }
  const rest = stack.move();
  return {
    came: server.came,
    connect: (sandbox = 0) =>
      inNamespace(paths[sandbox]!, () => Deno.connect({ hostname: "127.0.0.11", port: 53 })),
    socket: (sandbox = 0) => {
      const socket = inNamespace(
        paths[sandbox]!,
        () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
      );
      const to = { transport: "udp", hostname: "127.0.0.11", port: 53 } as const;
      return {
        send: (message: Uint8Array) => socket.send(message, to),
        receive: async () => (await socket.receive(new Uint8Array(65535)))[0],
        [Symbol.dispose]: () => socket.close(),
      };
    },
    [Symbol.asyncDispose]: async () => {
      await rest.disposeAsync();
      await Promise.all(pauses);
    },
  };
}

const idOf = (message: Uint8Array) => (message[0]! << 8) | message[1]!;

async function ask(conn: Deno.Conn, message: Uint8Array) {
  await writeFrame(conn, message);
  return await readFrame(conn);
}

Deno.test("a slow name doesn't hold up the fast ones of a TCP connection (RFC 7766, 6.2.1.1)", async () => {
  await using at = await serve();
  using conn = await at.connect();
  await writeFrame(conn, query(1, "slow.example.com"));
  await writeFrame(conn, query(2, "fast.example.com"));
  await writeFrame(conn, query(3, "s1.foo"));
  const ids: number[] = [];
  for (let i = 0; i < 2; i++) ids.push(idOf((await readFrame(conn))!));
  assert.deepEqual(ids.sort(), [2, 3], "before the slow one");
  const slow = (await readFrame(conn))!;
  assert.equal(idOf(slow), 1);
  assert.equal(decode(Buffer.from(slow)).answers.length, 1);
});

Deno.test("of a connection only so many queries are under way; all are answered, to one who half-closes too", async () => {
  await using at = await serve();
  using conn = await at.connect();
  for (let i = 0; i < 40; i++) await writeFrame(conn, query(i, `slow${i}.example.com`));
  await conn.closeWrite();
  await sleep(500);
  const names = new Set(at.came.map(({ name }) => name));
  assert.ok(names.size > 8 && names.size <= 16, `${names.size} under way`);
  const ids = new Set<number>();
  for (let reply; (reply = await readFrame(conn));) ids.add(idOf(reply));
  assert.equal(ids.size, 40);
});

Deno.test("queries beyond 4,096 bytes are FORMERR, and over TCP the end", async () => {
  await using at = await serve();
  for (const length of [4097, 65535]) {
    using conn = await at.connect();
    const long = new Uint8Array(length);
    long.set(query(7, "s1.foo"));
    const answer = (await ask(conn, long))!;
    assert.deepEqual([idOf(answer), answer[3]! & 0xf], [7, 1]);
    assert.equal(await readFrame(conn).catch(() => undefined), undefined);
  }
  using socket = at.socket();
  const long = new Uint8Array(5000);
  long.set(query(8, "s1.foo"));
  await socket.send(long);
  const answer = await socket.receive();
  assert.deepEqual([idOf(answer), answer[3]! & 0xf], [8, 1]);
});

Deno.test("connections that do nothing make room for one that does", async () => {
  await using at = await serve();
  const idle = await Promise.all(Array.from({ length: 70 }, () => at.connect()));
  try {
    using conn = await at.connect();
    assert.equal(decode(Buffer.from((await ask(conn, query(1, "s1.foo")))!)).answers.length, 1);
  } finally {
    for (const conn of idle) conn.close();
  }
});

Deno.test("answers cross loopback whole, as far as the client takes them", async () => {
  await using at = await serve();
  using socket = at.socket();
  const count = async (edns?: number) => {
    await socket.send(query(1, "many", edns));
    const message = await socket.receive();
    const { answers, flag_tc } = decode(Buffer.from(message));
    return { answers: answers.length, flag_tc, length: message.length };
  };
  assert.deepEqual(await count(4096), { answers: 100, flag_tc: false, length: 1633 });
  assert.deepEqual(await count(65535), { answers: 100, flag_tc: false, length: 1633 });
  for (const edns of [undefined, 512, 1232]) {
    const { answers, flag_tc, length } = await count(edns);
    assert.ok(answers < 100 && flag_tc && length <= (edns ?? 512));
  }
});

Deno.test("who asks for names that never come takes nobody's turns", async () => {
  await using at = await serve(12);
  const hogs = Array.from({ length: 11 }, (_, i) => at.socket(i));
  try {
    for (const [i, hog] of hogs.entries()) {
      for (let n = 0; n < 150; n++) await hog.send(query(n, `never${n}.h${i}.example.com`));
    }
    await sleep(300);
    using quiet = at.socket(11);
    for (let n = 0; n < 20; n++) {
      await quiet.send(query(n, `fast${n}.example.com`));
      const reply = decode(Buffer.from(await quiet.receive()));
      assert.equal(reply.answers.length, 1);
    }
    const under = new Set(
      at.came.filter(({ name }) => name.startsWith("never")).map((c) => c.name),
    );
    assert.ok(under.size <= 2000, `${under.size} under way`);
  } finally {
    for (const hog of hogs) hog[Symbol.dispose]();
  }
});
