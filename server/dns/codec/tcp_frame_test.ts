import assert from "node:assert/strict";
import { frame, readFrame, within, writeAll } from "./tcp_frame.ts";

async function pair() {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const [near, far] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port }),
    listener.accept(),
  ]);
  return { near, far };
}

Deno.test("messages are read one by one, however they come", async () => {
  const { near, far } = await pair();
  const bytes = frame([new Uint8Array([1, 2, 3]), new Uint8Array(300).fill(7)]);
  await writeAll(near, bytes.subarray(0, 1));
  await writeAll(near, bytes.subarray(1, 4));
  await writeAll(near, bytes.subarray(4));
  assert.deepEqual(await readFrame(far), new Uint8Array([1, 2, 3]));
  assert.equal((await readFrame(far))!.length, 300);
  near.close();
  assert.equal(await readFrame(far), undefined);
  far.close();
});

Deno.test("half a message at the end is none", async () => {
  const { near, far } = await pair();
  await writeAll(near, new Uint8Array([0, 5, 1]));
  near.close();
  assert.equal(await readFrame(far), undefined);
  far.close();
});

Deno.test("who sends nothing in time is cut off", async () => {
  const { near, far } = await pair();
  assert.equal(await within({ conn: far, ms: 10 }, () => readFrame(far)), undefined);
  assert.throws(() => far.close());
  near.close();
});
