import assert from "node:assert/strict";
import { closeFd, libc } from "../libc.ts";
import { openBound } from "./bound_socket.ts";
import { DatagramBatch, sendDatagram } from "./datagram_batch.ts";

libc(); // Loaded once, for all tests.

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (word: string) => new TextEncoder().encode(word);
const port = 20000 + Deno.pid % 10000;

function client(hostname: string) {
  const conn = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  return Object.assign(conn, { [Symbol.dispose]: () => conn.close() });
}

function bound(literal: string) {
  const fd = openBound("datagram", { literal, port });
  return { fd, [Symbol.dispose]: () => closeFd(fd) };
}

for (const hostname of ["127.0.0.1", "::1"]) {
  Deno.test(`what has come is taken and answered by the batch (${hostname})`, async () => {
    using at = bound(hostname);
    using one = client(hostname);
    using other = client(hostname);
    const batch = new DatagramBatch(4, { received: 100, answer: 50 });
    const to = { transport: "udp", hostname, port } as const;
    assert.ok(batch.receive(at.fd) < 0, "nothing yet");
    const sent = [[one, "a"], [other, "b"], [one, "c".repeat(200)], [other, "d"], [
      one,
      "e",
    ]] as const;
    for (const [conn, word] of sent) await conn.send(bytes(word), to);
    const came: string[] = [];
    for (const expected of [4, 1]) {
      assert.equal(batch.receive(at.fd), expected);
      for (let i = 0; i < expected; i++) {
        came.push(text(batch.slot(i).subarray(0, batch.lengthOf(i))));
        assert.equal(text(batch.came(i).message), came.at(-1));
        if (came.at(-1) === "b") continue; // One that isn't answered, amid others that are.
        const answer = bytes(`re: ${came.at(-1)!.slice(0, 1)}`);
        batch.room.set(answer);
        batch.answer(i, answer.length);
      }
      batch.send(at.fd);
    }
    assert.deepEqual(came, ["a", "b", "c".repeat(100), "d", "e"]);
    for (const [conn, expected] of [[one, "a"], [other, "d"], [one, "c"], [one, "e"]] as const) {
      assert.equal(text((await conn.receive())[0]), `re: ${expected}`);
    }
  });
}

Deno.test("an answer that the kernel refuses takes no other with it", async () => {
  using at = bound("127.0.0.1");
  using one = client("127.0.0.1");
  const batch = new DatagramBatch(4, { received: 100, answer: 70000 });
  const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
  for (const word of ["a", "b", "c"]) await one.send(bytes(word), to);
  assert.equal(batch.receive(at.fd), 3);
  batch.answer(0, 70000); // Longer than any datagram.
  batch.room.set(bytes("re: b"));
  batch.answer(1, 5);
  batch.answer(2, 70000);
  batch.send(at.fd);
  assert.equal(text((await one.receive())[0]), "re: b");
});

Deno.test("a sender can be answered later, by its copy", async () => {
  using at = bound("127.0.0.1");
  using one = client("127.0.0.1");
  using other = client("127.0.0.1");
  const batch = new DatagramBatch(4, { received: 100, answer: 50 });
  const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
  await one.send(bytes("a"), to);
  assert.equal(batch.receive(at.fd), 1);
  const { from } = batch.came(0);
  await other.send(bytes("b"), to);
  assert.equal(batch.receive(at.fd), 1);
  sendDatagram(at.fd, { message: bytes("late"), to: from });
  assert.equal(text((await one.receive())[0]), "late");
});
