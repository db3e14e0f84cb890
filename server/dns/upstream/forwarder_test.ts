import assert from "node:assert/strict";
// @ts-types="../codec/dns_packet.d.ts"
import { decode, encode } from "dns-packet";
import { Buffer } from "node:buffer";
import { inNamespace } from "../../../lib/linux/namespaces/namespace.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { startUpstream } from "../../../tests/harness/upstream.ts";
import { parseQuery } from "../codec/codec.ts";
import { Forwarder } from "./forwarder.ts";

/** A resolver in a namespace, and a forwarder that asks it, and others, from there. */
async function resolver(
  { hostname, servers = [hostname], otherwise }: {
    hostname: string;
    servers?: string[];
    otherwise?: Forwarder;
  },
) {
  await using stack = new AsyncDisposableStack();
  const namespace = stack.use(await TestNamespace.create("f"));
  const { path } = namespace;
  await namespace.ip(`addr add ${hostname}/32 dev lo`);
  const upstream = startUpstream(path, hostname);
  stack.defer(() => upstream.close());
  const forwarder = new Forwarder(() => servers.map((hostname) => ({ hostname })), {
    within: (action) => inNamespace(path, action),
    ...otherwise && { otherwise },
  });
  stack.defer(() => forwarder.close());
  const rest = stack.move();
  return { upstream, forwarder, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

async function ask(forwarder: Forwarder, name: string, tcp = false) {
  const message = new Uint8Array(encode({
    ...{ type: "query", id: 7, flags: 0x0100 },
    questions: [{ type: "A", name, class: "IN" }],
  }));
  const parsed = parseQuery(message);
  assert.ok(parsed.ok);
  const begun = performance.now();
  const reply = decode(Buffer.from(await forwarder.forward(message, parsed.query, tcp)));
  return { rcode: reply.rcode, answers: reply.answers.length, ms: performance.now() - begun };
}

Deno.test("servers elsewhere are asked from there, over TCP too", async () => {
  await using there = await resolver({ hostname: "198.18.0.1" });
  assert.equal((await ask(there.forwarder, "www.example.com")).answers, 1);
  assert.equal((await ask(there.forwarder, "big.example.com", true)).answers, 100);
});

Deno.test("a server that was silent is asked again, while there is time", async () => {
  await using there = await resolver({ hostname: "198.18.0.1" });
  there.upstream.mute = true;
  const asked = ask(there.forwarder, "www.example.com");
  await new Promise((resolve) => setTimeout(resolve, 500));
  there.upstream.mute = false;
  assert.equal((await asked).answers, 1);
});

Deno.test("others are asked where no server answers, and only there", async () => {
  await using host = await resolver({ hostname: "127.0.0.53" });
  const otherwise = host.forwarder;
  await using none = await resolver({ hostname: "198.18.0.1", servers: [], otherwise });
  assert.equal((await ask(none.forwarder, "www.example.com")).answers, 1);
  // Nothing leads there.
  await using lost = await resolver({ hostname: "198.18.0.1", servers: ["192.0.2.7"], otherwise });
  const quick = await ask(lost.forwarder, "www.example.com");
  assert.equal(quick.answers, 1);
  assert.ok(quick.ms < 1000, `${quick.ms} ms`);

  await using own = await resolver({ hostname: "198.18.0.1", otherwise });
  host.upstream.mute = true;
  assert.equal((await ask(own.forwarder, "www.example.com")).answers, 1);
  assert.equal((await ask(own.forwarder, "nowhere.example")).rcode, "NXDOMAIN");
  [host.upstream.mute, own.upstream.mute] = [false, true];
  assert.equal((await ask(own.forwarder, "www.example.com")).answers, 1);
  // It isn't waited for as long again, but is heard when it is back.
  const hurried = await ask(own.forwarder, "www.example.com");
  assert.equal(hurried.answers, 1);
  assert.ok(hurried.ms < 1400, `${hurried.ms} ms`);
  [host.upstream.mute, own.upstream.mute] = [true, false];
  assert.equal((await ask(own.forwarder, "www.example.com")).answers, 1);
});

Deno.test("a namespace that is gone is as one that doesn't answer", async () => {
  await using host = await resolver({ hostname: "127.0.0.53" });
  const forwarder = new Forwarder(() => [{ hostname: "198.18.0.1" }], {
    within: (action) => inNamespace("/run/netns/nst-nowhere", action),
    otherwise: host.forwarder,
  });
  assert.equal((await ask(forwarder, "www.example.com")).answers, 1);
  assert.equal((await ask(forwarder, "big.example.com", true)).answers, 100);
  forwarder.close();
});
