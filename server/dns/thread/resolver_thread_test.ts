/** The thread that serves names, on real sockets in real namespaces. */
import assert from "node:assert/strict";
// @ts-types="../codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { Signal } from "../../../lib/async/signal.ts";
import { closeFd, libc } from "../../../lib/linux/libc.ts";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import { addresses, reply, startDnsServer } from "../../../tests/harness/dns_server.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { openResolverSockets } from "../../sandbox/resolver/resolver_sockets.ts";
import type { NamesChange } from "../zones/names.ts";
import { ResolverThread } from "./resolver_thread.ts";

libc(); // Loaded once, for all tests.

const CONTAINER = "box";
const ZONE = { name: "foo", ttl: 5, subnets: ["10.5.0.0/16"] };

function service(address: string): NamesChange {
  const endpoints = [{ addresses: [address], ports: [], containerNames: [] }];
  return {
    type: "service",
    network: "n",
    id: "s",
    service: { name: "web", aliases: [], endpoints },
  };
}

/** Names that tests change. */
class Source {
  readonly changes = new Signal<readonly NamesChange[]>();
  address = "10.5.0.1";

  all(): NamesChange[] {
    return [
      { type: "zone", network: "n", zone: ZONE },
      service(this.address),
      {
        ...{ type: "view", container: CONTAINER },
        view: { networks: ["n"], links: [], external: true },
      },
    ];
  }

  change(address: string): void {
    this.address = address;
    this.changes.emit([service(address)]);
  }
}

function socketIn(path: string) {
  const socket = inNamespace(
    path,
    () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  );
  const to = { transport: "udp", hostname: "127.0.0.11", port: 53 } as const;
  return {
    /** The addresses of a name. */
    ask: async (name: string): Promise<unknown[]> => {
      const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
      const questions = [{ type: "A", name, class: "IN" }] as const;
      await socket.send(
        new Uint8Array(encode({ type: "query", id, flags: 0x0100, questions: [...questions] })),
        to,
      );
      const answer = decode(Buffer.from((await socket.receive(new Uint8Array(4096)))[0]));
      assert.equal(answer.id, id);
      return answer.answers.map((record) => (record as { data: unknown }).data);
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

async function subject() {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await TestNamespace.create("t"));
  const { udp, tcp, spare } = openResolverSockets(path);
  for (const fd of [udp, tcp, spare!]) stack.defer(() => closeFd(fd));
  const source = new Source();
  const workers: Worker[] = [];
  const thread = stack.adopt(
    new ResolverThread(source, {
      start: () => {
        const entry = new URL("./resolver_worker.ts", import.meta.url);
        workers.push(new Worker(entry, { type: "module" }));
        return workers.at(-1)!;
      },
    }),
    (thread) => thread.close(),
  );
  const socket = stack.use(socketIn(path));
  const rest = stack.move();
  return {
    ...{ thread, source, socket, workers, path, sockets: { udp, tcp } },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

Deno.test("what has changed is answered from then on, without a wait", async () => {
  await using at = await subject();
  at.thread.serve(CONTAINER, at.sockets);
  for (let i = 1; i < 200; i++) {
    at.source.change(`10.5.0.${i}`);
    assert.deepEqual(await at.socket.ask("web.foo"), [`10.5.0.${i}`]);
    assert.deepEqual(await at.socket.ask("web"), [`10.5.0.${i}`], "from the cache too");
  }
  await at.thread.end(CONTAINER);
  const { local, cached } = at.thread.counts();
  assert.equal(local + cached, 2 * 199);
});

Deno.test("a thread that fails is followed by another one, which knows all and has the same sockets", async () => {
  await using at = await subject();
  at.thread.serve(CONTAINER, at.sockets);
  assert.deepEqual(await at.socket.ask("web.foo"), ["10.5.0.1"]);
  // As an error of its own would.
  at.workers[0]!.terminate();
  at.workers[0]!.dispatchEvent(
    new ErrorEvent("error", { message: "out of luck", cancelable: true }),
  );
  at.source.change("10.5.0.2");
  assert.deepEqual(
    await at.socket.ask("web.foo"),
    ["10.5.0.2"],
    "what was asked meanwhile has waited",
  );
  assert.equal(at.workers.length, 2);
  await at.thread.end(CONTAINER);
  assert.equal(at.thread.counts().local, 2);
});

Deno.test("a sandbox that has ended is answered no more, and another one may have its name", async () => {
  await using at = await subject();
  at.thread.serve(CONTAINER, at.sockets);
  assert.deepEqual(await at.socket.ask("web"), ["10.5.0.1"]);
  await at.thread.end(CONTAINER);
  await at.thread.end(CONTAINER);
  const late = at.socket.ask("web.foo");
  at.source.change("10.5.0.9");
  at.thread.serve(CONTAINER, at.sockets);
  assert.deepEqual(await late, ["10.5.0.9"], "asked between the two, answered by the second");
  await at.thread.end(CONTAINER, true);
});

Deno.test("a container's own servers are asked from its sandbox; a name that is looked out for is seen", async () => {
  await using at = await subject();
  await using server = startDnsServer(
    at.path,
    "127.0.0.53",
    (came) => reply(came, addresses(came, 1)),
  );
  const own = { path: at.path, servers: [], search: [], otherwise: false };
  at.thread.serve(CONTAINER, at.sockets, own);
  at.thread.useOwn(CONTAINER, { ...own, servers: ["127.0.0.53"] });
  assert.equal((await at.socket.ask("outside.example")).length, 1);
  assert.equal(server.came.length, 1);
  using expected = at.thread.expect("other.example");
  assert.equal((await at.socket.ask("other.example")).length, 1);
  assert.equal(expected.seen, false, "the host's resolvers weren't asked");
  await at.thread.end(CONTAINER);
  assert.equal(at.thread.counts().forwarded, 2);
});
