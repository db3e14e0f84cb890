import assert from "node:assert/strict";
import { acceptFrom, openBound } from "./bound_socket.ts";
import { closeFd, libc } from "../libc.ts";
import { EPOLLIN, Poller } from "./poller.ts";
import { PolledStream } from "./polled_stream.ts";

libc(); // Loaded once, for all tests.

const port = 20000 + Deno.pid % 10000;

/** A connection of Deno's and, at its other end, a polled one. */
async function connected(poller: Poller) {
  const listener = openBound("stream", { literal: "127.0.0.1", port });
  const { promise, resolve } = Promise.withResolvers<number>();
  poller.add(listener, EPOLLIN, () => {
    const taken = acceptFrom(listener);
    if (taken) resolve(taken.fd);
  });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const stream = new PolledStream(poller, await promise);
  poller.remove(listener);
  closeFd(listener);
  return { conn, stream };
}

for (const stays of [false, true]) {
  Deno.test(`what is sent is read, and the end${stays ? ", by a thread that stays" : ""}`, async () => {
    const poller = new Poller();
    if (stays) poller.staying();
    const { conn, stream } = await connected(poller);
    const buffer = new Uint8Array(10);
    const reading = stream.read(buffer);
    await conn.write(new Uint8Array([1, 2, 3]));
    assert.equal(await reading, 3);
    assert.deepEqual([...buffer.subarray(0, 3)], [1, 2, 3]);
    assert.equal(await stream.write(new Uint8Array([4])), 1);
    assert.equal(await conn.read(buffer), 1);
    await conn.closeWrite();
    assert.equal(await stream.read(buffer), null);
    stream.close();
    stream.close();
    assert.equal(await conn.read(buffer), null);
    conn.close();
    await poller.close();
  });
}

Deno.test("a writer waits for room; closing ends what waits", async () => {
  const poller = new Poller();
  const { conn, stream } = await connected(poller);
  const chunk = new Uint8Array(1 << 20);
  let sent = 0, full = false;
  const writing = (async () => {
    while (sent < 64 * chunk.length) {
      full = false;
      sent += await stream.write(chunk);
      full = true;
    }
  })();
  const buffer = new Uint8Array(1 << 20);
  for (let got = 0; got < 64 * chunk.length;) got += (await conn.read(buffer))!;
  await writing;
  assert.ok(full);
  const reading = stream.read(buffer);
  stream.close();
  await assert.rejects(reading, /closed/);
  await assert.rejects(stream.write(chunk), /closed/);
  conn.close();
  await poller.close();
});

Deno.test("a connection that has broken is an error to who writes, and isn't ready for ever", async () => {
  const poller = new Poller();
  const { conn, stream } = await connected(poller);
  await stream.write(new Uint8Array(10));
  conn.close(); // With unread bytes: a reset follows.
  await assert.rejects(async () => {
    while (true) await stream.write(new Uint8Array(10));
  }, /connection/);
  stream.close();
  await poller.close();
});
