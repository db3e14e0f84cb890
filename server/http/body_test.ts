import assert from "node:assert/strict";
import { MAX_BODY, readBody } from "./body.ts";

/** A body that comes in pieces; without an end unless it has one. */
function coming(
  pieces: Uint8Array<ArrayBuffer>[],
  { ends = true, length = undefined as string | undefined },
) {
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece) return controller.enqueue(piece);
      if (ends) return controller.close();
      return new Promise<void>(() => {});
    },
    cancel: () => cancelled.resolve(),
  });
  const headers = new Headers(length === undefined ? {} : { "content-length": length });
  return { request: { body, headers }, cancelled: cancelled.promise };
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("readBody() gives what came in pieces, and nothing where there is none", async () => {
  const { request } = coming([bytes("{"), bytes("}")], {});
  assert.deepEqual(await readBody(request), bytes("{}"));
  assert.deepEqual(await readBody({ body: null, headers: new Headers() }), new Uint8Array());
});

Deno.test("readBody() waits for no body for ever, and keeps none that is too large", async () => {
  const slow = coming([bytes("{")], { ends: false });
  await assert.rejects(readBody(slow.request, 1), { code: "request_timeout" });
  await slow.cancelled;
  const large = coming([new Uint8Array(MAX_BODY), bytes("x")], { ends: false });
  await assert.rejects(readBody(large.request), { code: "too_large" });
  await large.cancelled;
  const said = coming([], { ends: false, length: String(MAX_BODY + 1) });
  await assert.rejects(readBody(said.request), { code: "too_large" });
});

Deno.test("readBody() says whose fault a broken body is", async () => {
  const body = new ReadableStream({ start: (c) => c.error(new TypeError("no chunk")) });
  await assert.rejects(readBody({ body, headers: new Headers() }), { code: "invalid" });
});
