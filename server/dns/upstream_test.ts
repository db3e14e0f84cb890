/** What the forwarder makes of servers as they are in the field, one test for each. */
import assert from "node:assert/strict";
// @ts-types="./codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { inNamespace } from "../../lib/linux/namespaces/namespace.ts";
import {
  addresses,
  type Answers,
  type Came,
  reply,
  startDnsServer,
  TC,
} from "../../tests/harness/dns_server.ts";
import { spawn, until } from "../../tests/harness/command.ts";
import { TestNamespace } from "../../tests/harness/host.ts";
import { parseQuery } from "./codec/codec.ts";
import { Forwarder } from "./upstream/forwarder.ts";

const AT = { 4: "198.18.0.1", 6: "2001:db8::1" };

interface Ask {
  type?: string;
  /** Payload over UDP; without EDNS unless given. */
  edns?: number;
  /** Bits of the header beside RD. */
  flags?: number;
  /** Bits of the OPT record, and options: code and bytes. */
  optFlags?: number;
  options?: [code: number, data: string][];
  tcp?: boolean;
}

function query(name: string, ask: Ask = {}): Uint8Array {
  return new Uint8Array(encode({
    ...{ type: "query", id: 4711, flags: 0x0100 | (ask.flags ?? 0) },
    questions: [{ type: ask.type ?? "A", name, class: "IN" }],
    ...ask.edns !== undefined && {
      additionals: [{
        ...{ type: "OPT", name: ".", udpPayloadSize: ask.edns, flags: ask.optFlags ?? 0 },
        options: (ask.options ?? []).map(([code, data]) => ({ code, data: Buffer.from(data) })),
      }],
    },
  }));
}

/** One server in a namespace, of both families, and a forwarder that asks it from there. */
async function serve(answers: Answers, tcp?: "served" | "refused" | "mute") {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await TestNamespace.create("u"));
  await namespace.ip(`addr add ${AT[4]}/32 dev lo`, `addr add ${AT[6]}/128 dev lo nodad`);
  // The kernel takes up an IPv6 address a moment later; on a busy machine the first packets are lost.
  const isUp = async () => (await namespace.run(["ping", "-c1", "-W1", AT[6]])).code === 0;
  await until("the IPv6 address answers", isUp);
  const servers = [AT[4], AT[6]].map((at) =>
    stack.use(startDnsServer(namespace.path, at, answers, tcp))
  );
  const forwarder = (family: 4 | 6) =>
    stack.adopt(
      new Forwarder(() => [{ hostname: AT[family] }], {
        within: (action) => inNamespace(namespace.path, action),
      }),
      (forwarder) => forwarder.close(),
    );
  const [four, six] = [forwarder(4), forwarder(6)];
  const ask = async (name: string, how: Ask = {}, family: 4 | 6 = 4) => {
    const message = query(name, how);
    const parsed = parseQuery(message);
    assert.ok(parsed.ok);
    const seen = servers[family === 4 ? 0 : 1]!.came;
    const before = seen.length;
    const bytes = await (family === 4 ? four : six).forward(
      message,
      parsed.query,
      how.tcp ?? false,
    );
    const { rcode, answers, additionals, flag_tc, questions } = decode(Buffer.from(bytes));
    const asked = seen.slice(before);
    return { rcode, answers, additionals, flag_tc, name: questions[0]?.name, bytes, asked };
  };
  const rest = stack.move();
  return {
    ...{ ask, namespace, came: servers[0]!.came, came6: servers[1]!.came },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

/** The bytes with some bits of one of them changed. */
function changed(bytes: Uint8Array, at: number, bits: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= bits;
  return copy;
}

/** The server was asked this often by the way that it was asked most: no answer was waited for in vain. */
function asked({ asked }: { asked: Came[] }, times: number): void {
  const overTcp = asked.filter(({ tcp }) => tcp).length;
  assert.equal(Math.max(overTcp, asked.length - overTcp), times);
}

Deno.test("a server that answers in other letters is believed (RFC 4343)", async () => {
  for (const change of ["toLowerCase", "toUpperCase"] as const) {
    await using at = await serve((came) => {
      const answer = reply(came, addresses(came, 1));
      const name = came.name[change]();
      [...name].forEach((letter, i) => {
        if (letter !== ".") answer[13 + i] = letter.charCodeAt(0);
      });
      return answer;
    });
    for (const family of [4, 6] as const) {
      for (const tcp of [false, true]) {
        const answer = await at.ask("wWw.eXample.com", { tcp }, family);
        asked(answer, 1);
        assert.equal(answer.answers.length, 1);
        assert.equal(answer.name, "wWw.eXample.com", "the client's own letters");
      }
    }
  }
});

Deno.test("a server that knows no EDNS is asked without (RFC 6891, 7)", async () => {
  const bare = (came: Came, rcode: number) =>
    new Uint8Array([...came.message.slice(0, 2), 0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 0]);
  const kinds: [string, Answers][] = [
    ["FORMERR, a bare header", (came) => bare(came, 1)],
    ["NOTIMP, a bare header", (came) => bare(came, 4)],
    ["FORMERR with the question", ({ payload: _, ...came }) => reply(came, [], 1)],
  ];
  for (const [what, refuse] of kinds) {
    await using at = await serve((came) =>
      came.payload === undefined ? reply(came, addresses(came, 1)) : refuse(came)
    );
    for (const tcp of [false, true]) {
      const answer = await at.ask("www.example.com", { edns: 1232, tcp }, 6);
      asked(answer, 2);
      assert.equal(answer.answers.length, 1, what);
      assert.deepEqual(answer.additionals, [], what);
    }
    // One that understands nothing at all says so to whoever asks.
    await using deaf = await serve(refuse);
    const answer = await deaf.ask("www.example.com", { edns: 1232 });
    asked(answer, 2);
    assert.equal(answer.rcode, what.startsWith("NOTIMP") ? "NOTIMP" : "FORMERR");
    assert.equal(answer.name, "www.example.com");
  }
});

Deno.test("each question has a fresh port and id (RFC 5452, 9.2)", async () => {
  await using at = await serve((came) => reply(came, addresses(came, 1)));
  for (let i = 0; i < 64; i++) {
    await at.ask(`n${i}.example.com`);
    await at.ask(`n${i}.example.com`, {}, 6);
  }
  for (const came of [at.came, at.came6]) {
    assert.equal(came.length, 64);
    const ports = came.map(({ port }) => port);
    const ids = came.map(({ message }) => (message[0]! << 8) | message[1]!);
    assert.ok(new Set(ports).size > 60, `${new Set(ports).size} ports`);
    assert.ok(new Set(ids).size > 60, `${new Set(ids).size} ids`);
    for (const values of [ports, ids]) {
      const steps = values.slice(1).map((value, i) => value - values[i]!);
      assert.ok(new Set(steps).size > 50, "neither counts");
    }
  }
});

Deno.test("only the server asked is heard, with id and question as sent", async () => {
  const lies: ((came: Came, good: Uint8Array) => Uint8Array)[] = [
    (_, good) => changed(good, 0, 1),
    (_, good) => changed(good, 13, 1),
    ({ end }, good) => changed(good, end - 3, 29),
    ({ end }, good) => changed(good, end - 1, 2),
    (_, good) => changed(good, 2, 0x80),
    ({ message }) => new Uint8Array([...message.slice(0, 2), 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0]),
  ];
  await using at = await serve(async (came) => {
    // From another address, and before the true one.
    const other = inNamespace(
      at.namespace.path,
      () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
    );
    const lie = reply(came, [{ type: "A", name: came.name, ttl: 60, data: "6.6.6.6" }]);
    await other.send(lie, { transport: "udp", hostname: AT[4], port: came.port });
    other.close();
    const good = reply(came, addresses(came, 1));
    const which = came.name.match(/^lie(\d)/)?.[1];
    return which === undefined ? good : lies[Number(which)]!(came, good);
  });
  const { answers } = await at.ask("a.example.com");
  assert.deepEqual(answers.map(({ data }) => data), ["192.0.2.0"]);
  const asked = lies.map((_, i) => at.ask(`lie${i}.example.com`));
  for (const answer of await Promise.all(asked)) assert.equal(answer.rcode, "SERVFAIL");
});

Deno.test("who is answered wrongly again and again is asked over TCP", async () => {
  await using at = await serve((came) => {
    const answer = reply(came, addresses(came, 1));
    return came.tcp ? answer : Array.from({ length: 40 }, (_, i) => changed(answer, 0, i + 1));
  });
  const answer = await at.ask("www.example.com");
  asked(answer, 1);
  assert.equal(answer.answers.length, 1);
});

/** Addresses that make some 3,000 bytes. */
const long = 90;

Deno.test("answers of up to 4,096 bytes come whole, and over UDP where there is no TCP", async (t) => {
  for (const tcp of ["served", "refused", "mute"] as const) {
    await t.step(`TCP is ${tcp}`, async () => {
      await using at = await serve((came) => {
        const whole = reply(came, addresses(came, long));
        const fits = came.tcp || whole.length <= (came.payload ?? 512);
        return fits ? whole : reply(came, [], TC);
      }, tcp);
      for (const family of [4, 6] as const) {
        const large = await at.ask("large.example.com", { edns: 4096 }, family);
        asked(large, 1);
        assert.equal(large.answers.length, long);
        const small = await at.ask("large.example.com", { edns: 1232 }, family);
        assert.equal(small.flag_tc, true, "asks again over TCP");
        const then = await at.ask("large.example.com", { edns: 1232, tcp: true }, family);
        asked(then, 1);
        assert.equal(then.answers.length, long);
        const plain = await at.ask("large.example.com", { tcp: true }, family);
        asked(plain, 1);
        assert.equal(plain.answers.length, long);
        assert.deepEqual(plain.additionals, [], "who doesn't speak EDNS gets none");
      }
    });
  }
});

Deno.test("where large answers are lost a smaller one is asked for", async () => {
  await using at = await serve((came) => {
    const whole = reply(came, addresses(came, long));
    if (came.tcp) return whole;
    // Its fragments don't arrive.
    return came.payload! >= whole.length ? undefined : reply(came, [], TC);
  });
  const answer = await at.ask("large.example.com", { edns: 4096 });
  assert.equal(answer.flag_tc, true);
  assert.deepEqual(answer.asked.map(({ payload }) => payload), [4096, 1232]);
});

Deno.test("flags and options of one asker never decide another's answer", async () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
  await using at = await serve(async (came) => {
    await pause();
    // As many addresses as the query has distinguishing marks; cookies and subnets come back.
    const answer = reply(came, addresses(came, 1 + (came.message[3]! & 0x30 ? 1 : 0)));
    const rest = came.message.slice(came.end);
    return new Uint8Array([...answer.slice(0, answer.length - 11), ...rest]);
  });
  const askers: [string, Ask][] = [
    ["nothing", { edns: 1232 }],
    ["CD", { edns: 1232, flags: 0x10 }],
    ["AD", { edns: 1232, flags: 0x20 }],
    ["DO", { edns: 1232, optFlags: 0x8000 }],
    ["a cookie", { edns: 1232, options: [[10, "cookie-1"]] }],
    ["another cookie", { edns: 1232, options: [[10, "cookie-2"]] }],
    ["a client subnet", { edns: 1232, options: [[8, "\0\x01\x18\0\xc0\0\x02"]] }],
    ["another client subnet", { edns: 1232, options: [[8, "\0\x01\x18\0\xc0\0\x03"]] }],
  ];
  const asked = askers.map(([, how]) => at.ask("www.example.com", how));
  for (const [i, { bytes, answers }] of (await Promise.all(asked)).entries()) {
    const [what, how] = askers[i]!;
    assert.equal(answers.length, how.flags ? 2 : 1, what);
    const own = query("www.example.com", how);
    const opt = own.slice(12 + 21);
    assert.deepEqual(bytes.slice(-opt.length), opt, `${what}: its own options`);
  }
  assert.equal(at.came.length, askers.length);
  // What is the same is asked once.
  const same = ["www", "WWW", "wWw"].map((label) => at.ask(`${label}.example.net`, { edns: 1232 }));
  const names = (await Promise.all(same)).map(({ name }) => name);
  assert.deepEqual(names, ["www.example.net", "WWW.example.net", "wWw.example.net"]);
  assert.equal(at.came.length, askers.length + 1);
});

Deno.test("a server that is being started again is waited for, one without a way isn't", async () => {
  await using namespace = await TestNamespace.create("u");
  await namespace.ip(`addr add ${AT[4]}/32 dev lo`);
  const within = <T>(action: () => T) => inNamespace(namespace.path, action);
  for (const [hostname, late] of [[AT[4], 600], ["192.0.2.7", 0]] as const) {
    const forwarder = new Forwarder(() => [{ hostname }], { within });
    const message = query("www.example.com");
    const parsed = parseQuery(message);
    assert.ok(parsed.ok);
    const asked = forwarder.forward(message, parsed.query, false);
    await new Promise((resolve) => setTimeout(resolve, late));
    using _server = late > 0
      ? startDnsServer(namespace.path, hostname, (came) => reply(came, addresses(came, 1)))
      : undefined;
    const { answers } = decode(Buffer.from(await asked));
    assert.equal(answers.length, late > 0 ? 1 : 0);
    await forwarder.close();
  }
});

/** Answers one A record at an address of a link; Deno's own sockets know no zones. */
const LINK_LOCAL_SERVER = `
import socket, struct, sys, threading
def answer(q):
    e = q.index(0, 12) + 5
    return q[:2] + bytes.fromhex("81800001000100000000") + q[12:e] + bytes.fromhex("c00c00010001000000050004c0000250")
at = ("fe80::1", 53, 0, socket.if_nametoindex(sys.argv[1]))
t = socket.socket(socket.AF_INET6); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); t.bind(at); t.listen()
def tcp():
    while True:
        c, _ = t.accept(); f = c.makefile("rb"); n = f.read(2)
        if len(n) == 2: m = answer(f.read(struct.unpack(">H", n)[0])); c.sendall(struct.pack(">H", len(m)) + m)
        f.close(); c.close()
threading.Thread(target=tcp, daemon=True).start()
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(at)
sys.stdout.write("ready\\n"); sys.stdout.flush()  # In one piece: nobody reads on.
while True: q, a = s.recvfrom(4096); s.sendto(answer(q), a)
`;

Deno.test("link-local servers answer, by the name of the link and by its index", async () => {
  await using here = await TestNamespace.create("u");
  await using there = await TestNamespace.create("u");
  await here.ip(`link add up0 type veth peer name up1 netns ${there.name}`);
  for (const [namespace, link, address] of [[here, "up0", "fe80::2"], [there, "up1", "fe80::1"]]) {
    await (namespace as TestNamespace).ip(
      `link set ${link} addrgenmode none`,
      `addr add ${address}/64 dev ${link} nodad`,
      `link set ${link} up`,
    );
  }
  const server = spawn(["python3", "-c", LINK_LOCAL_SERVER, "up1"], {
    namespace: there.path,
    stdout: "piped",
  });
  try {
    const reader = server.stdout.getReader();
    await reader.read();
    await reader.cancel();
    const [{ ifindex: index }] = JSON.parse(await here.ok(["ip", "-j", "link", "show", "up0"]));
    const ask = async (hostname: string, tcp: boolean) => {
      const forwarder = new Forwarder(() => [{ hostname }], {
        within: (action) => inNamespace(here.path, action),
      });
      const message = query("www.example.com");
      const parsed = parseQuery(message);
      assert.ok(parsed.ok);
      const { answers } = decode(Buffer.from(await forwarder.forward(message, parsed.query, tcp)));
      await forwarder.close();
      return answers.length;
    };
    for (const tcp of [false, true]) {
      assert.equal(await ask("fe80::1%up0", tcp), 1);
      assert.equal(await ask(`fe80::1%${index}`, tcp), 1);
      for (const wrong of ["fe80::1", "fe80::1%", "fe80::1%lo0", "fe80::1%../up0", "up0"]) {
        assert.equal(await ask(wrong, tcp), 0, wrong);
      }
    }
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
});
