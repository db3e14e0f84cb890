import assert from "node:assert/strict";
import { headersFor, receiveHead } from "./forward.ts";

const request = (headers: Record<string, string>) =>
  new Request("http://docker/v1.51/containers/x/attach", { method: "POST", headers });

Deno.test("headersFor() keeps what is between a client and netsvc", () => {
  const headers = headersFor(request({
    "authorization": "Bearer netsvcs-own",
    "connection": "Upgrade, X-Hop , x-other",
    "upgrade": "tcp",
    "x-hop": "1",
    "x-other": "2",
    "x-registry-auth": "the engine's",
    "content-type": "application/json",
    "expect": "100-continue",
    "te": "trailers",
  }));
  assert.deepEqual(Object.fromEntries(headers), {
    "accept-encoding": "identity",
    "content-type": "application/json",
    "via": "1.1 netsvc",
    "x-registry-auth": "the engine's",
  });
});

/** A connection that gives these pieces. */
function pieces(...texts: string[]) {
  return {
    read(into: Uint8Array): Promise<number | null> {
      const text = texts.shift();
      if (text === undefined) return Promise.resolve(null);
      return Promise.resolve(new TextEncoder().encodeInto(text, into).written);
    },
  };
}

const UPGRADED = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

Deno.test("receiveHead() takes no interim answer for the answer", async () => {
  const interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  const all = `${interim}${UPGRADED}first bytes`;
  const cuts = [[all], [interim, `${UPGRADED}first bytes`], [...all]];
  for (const cut of cuts) {
    const { status, head, headers, rest } = await receiveHead(pieces(...cut));
    assert.equal(status, 101);
    assert.equal(new TextDecoder().decode(head), UPGRADED);
    assert.equal(headers.get("upgrade"), "tcp");
    assert.ok("first bytes".startsWith(new TextDecoder().decode(rest)));
  }
  await assert.rejects(receiveHead(pieces(interim)), /without an answer/);
  const refused = await receiveHead(
    pieces("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"),
  );
  assert.equal(refused.status, 404);
});
