import assert from "node:assert/strict";
import { libc } from "../libc.ts";
import { type Came, DrainedSocket } from "./drained_socket.ts";

libc(); // Loaded once, for all tests.

const text = ({ message }: Came) => new TextDecoder().decode(message);
const bytes = (word: string) => new TextEncoder().encode(word);

function client(hostname: string) {
  const conn = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  return Object.assign(conn, { [Symbol.dispose]: () => conn.close() });
}

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`what came beside the first datagram is drained and answered (${hostname})`, async () => {
    const port = 20000 + Deno.pid % 10000;
    using at = DrainedSocket.bind({ hostname, port }, 100);
    using one = client(hostname);
    using other = client(hostname);
    const to = { transport: "udp", hostname, port } as const;
    await one.send(bytes("a"), to);
    await other.send(bytes("b"), to);
    await one.send(bytes("c".repeat(200)), to);
    const came: string[] = [];
    let next: Came | undefined = await at.receive();
    for (; next; next = at.next()) {
      came.push(text(next));
      at.send(bytes(`re: ${text(next).slice(0, 1)}`), next.from);
    }
    assert.deepEqual(came, ["a", "b", "c".repeat(100)]);
    for (const [conn, expected] of [[one, "re: a"], [other, "re: b"], [one, "re: c"]] as const) {
      const [message] = await conn.receive();
      assert.equal(new TextDecoder().decode(message), expected);
    }
  });
}

Deno.test("a socket that is closed uses its descriptor no more, which may be another's", async () => {
  const port = 20000 + Deno.pid % 10000;
  const hostname = "127.0.0.1";
  const at = DrainedSocket.bind({ hostname, port }, 100);
  at.close();
  using other = client(hostname);
  using asker = client(hostname);
  await asker.send(bytes("for the other"), other.addr);
  assert.equal(at.next(), undefined);
  const sockaddr = new Uint8Array([2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  new DataView(sockaddr.buffer).setUint16(2, (asker.addr as Deno.NetAddr).port);
  at.send(bytes("from nobody"), sockaddr);
  await other.send(bytes("from the other"), asker.addr);
  const [first] = await asker.receive();
  assert.equal(new TextDecoder().decode(first), "from the other");
  const [message] = await other.receive();
  assert.equal(new TextDecoder().decode(message), "for the other");
  at.close();
});
