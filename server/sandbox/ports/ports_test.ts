import assert from "node:assert/strict";
import { libc } from "../../../lib/linux/libc.ts";
import type { PublishedPort } from "../../../lib/api/types.ts";
import { PortHolders, portsClash } from "./ports.ts";

// Loaded before any test begins: it stays loaded.
libc();

const tcp = (hostPort: number, hostIp?: string): PublishedPort => ({
  ...hostIp !== undefined && { hostIp },
  ...{ hostPort, containerPort: 80, protocol: "tcp" },
});

Deno.test("portsClash() compares family by family", () => {
  const clashes: [string | undefined, string | undefined, boolean][] = [
    [undefined, undefined, true],
    [undefined, "::", true],
    [undefined, "10.0.0.1", true],
    ["0.0.0.0", "::", false],
    ["0.0.0.0", "10.0.0.1", true],
    ["::", "10.0.0.1", false],
    ["::", "fd00::1", true],
    ["10.0.0.1", "10.0.0.2", false],
  ];
  for (const [one, other, clash] of clashes) {
    assert.equal(portsClash(tcp(1, one), tcp(1, other)), clash, `${one} ${other}`);
    assert.equal(portsClash(tcp(1, other), tcp(1, one)), clash, `${other} ${one}`);
  }
  assert.equal(portsClash(tcp(1), tcp(2)), false);
});

/** Reads all of a connection. */
async function readAll(conn: Deno.Conn): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
    text += decoder.decode(buffer.subarray(0, n));
  }
  return text;
}

Deno.test("one socket per family, and what is passed on is passed on whole", async (t) => {
  await using stack = new AsyncDisposableStack();
  const holders = new PortHolders();
  stack.defer(() => holders.close());
  const loopback = () => "127.0.0.1";
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const containerPort = server.addr.port;

  await t.step("[::] is all of IPv6 and nothing of IPv4, which another may have", () => {
    const [port] = holders.hold("six", [{ ...tcp(0, "::"), containerPort }], loopback);
    const { hostPort } = port!;
    assert.throws(
      () => holders.hold("x", [tcp(hostPort, "::1")], loopback),
      /program of this host/,
    );
    holders.hold("four", [tcp(hostPort, "0.0.0.0")], loopback);
    assert.throws(() => holders.hold("x", [tcp(hostPort)], loopback), /program of this host/);
    for (const container of ["six", "four"]) holders.release(container);
    const [both] = holders.hold("both", [tcp(hostPort)], loopback);
    assert.equal(both!.hostPort, hostPort);
    for (const hostname of ["0.0.0.0", "::"]) {
      assert.throws(() => Deno.listen({ hostname, port: hostPort }), Deno.errors.AddrInUse);
    }
    holders.release("both");
  });

  await t.step("a client that ends its half gets the answer, however long", async () => {
    const [port] = holders.hold("web", [{ ...tcp(0), containerPort }], loopback);
    const question = "q".repeat(300_000), answer = "a".repeat(3_000_000);
    const serving = (async () => {
      using conn = await server.accept();
      assert.equal(await readAll(conn), question);
      const bytes = new TextEncoder().encode(answer);
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    })();
    using client = await Deno.connect({ hostname: "::1", port: port!.hostPort });
    const bytes = new TextEncoder().encode(question);
    for (let at = 0; at < bytes.length;) at += await client.write(bytes.subarray(at));
    await client.closeWrite();
    assert.equal((await readAll(client)).length, answer.length);
    await serving;
    holders.release("web");
  });

  await t.step("nobody behind it: the connection ends", async () => {
    const [port] = holders.hold("none", [tcp(0)], () => undefined);
    using client = await Deno.connect({ hostname: "::1", port: port!.hostPort });
    assert.equal(await readAll(client).catch(() => ""), "");
    const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const nobody = { ...tcp(0), containerPort: closed.addr.port };
    closed.close();
    const [refused] = holders.hold("refused", [nobody], loopback);
    using other = await Deno.connect({ hostname: "::1", port: refused!.hostPort });
    assert.equal(await readAll(other).catch(() => ""), "");
    for (const container of ["none", "refused"]) holders.release(container);
  });

  await t.step("datagrams, and their answers to whom they are for", async () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const inside = (socket.addr as Deno.NetAddr).port;
    const [port] = holders.hold("udp", [
      { hostPort: 0, containerPort: inside, protocol: "udp" },
    ], loopback);
    const clients = [1, 2].map(() =>
      Deno.listenDatagram({ transport: "udp", hostname: "::1", port: 0 })
    );
    const to = { transport: "udp", hostname: "::1", port: port!.hostPort } as const;
    for (const [i, client] of clients.entries()) {
      await client.send(Uint8Array.of(i), to);
      const [data, from] = await socket.receive();
      await socket.send(Uint8Array.of(...data, 7), from);
      const [answer, by] = await client.receive();
      assert.deepEqual([...answer], [i, 7]);
      assert.equal((by as Deno.NetAddr).port, port!.hostPort);
    }
    for (const conn of [socket, ...clients]) conn.close();
    holders.release("udp");
  });
});
