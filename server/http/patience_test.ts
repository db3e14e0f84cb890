import assert from "node:assert/strict";
import { Client } from "../../cli/client/client.ts";
import { NetsvcError } from "../../lib/api/errors.ts";
import { PATIENCE_HEADER, PATIENCE_TYPE, type Progress } from "../../lib/api/patience.ts";
import { patient, progressOf } from "./patience.ts";
import { problemResponse } from "./problems.ts";

/** A daemon that takes its time over what it is asked, until it is told to go on. */
async function subject(work: (request: Request) => Promise<Response>) {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const path = `${directory}/n.sock`;
  const server = Deno.serve({ path, onListen: () => {} }, patient(work));
  const seen: Progress[] = [];
  const client = new Client({ host: `unix://${path}`, onProgress: (one) => seen.push(one) });
  return {
    client,
    seen,
    path,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server.shutdown();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

const slowly = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("a client hears how far it is while it waits, and then the answer", async () => {
  await using all = await subject(async (request) => {
    const progress = progressOf(request, "things done");
    progress(1, 3);
    await slowly(1_500);
    progress(2, 3);
    await slowly(1_500);
    return Response.json({ name: "n", cut: ["all"] });
  });
  assert.deepEqual(await all.client.networks.remove("n", true), { name: "n", cut: ["all"] });
  assert.deepEqual(all.seen[0], { done: 1, total: 3, what: "things done" });
  assert.deepEqual(all.seen.at(-1), { done: 2, total: 3, what: "things done" });
});

Deno.test("an error that comes late is the one that was meant; one that comes soon, too", async () => {
  for (const ms of [0, 1_200]) {
    await using all = await subject(async () => {
      await slowly(ms);
      return problemResponse(new NetsvcError("in_use", "Still in use"));
    });
    await assert.rejects(all.client.networks.remove("n", true), {
      code: "in_use",
      message: "Still in use",
    });
  }
});

Deno.test("who goes away doesn't end what it asked for, and who doesn't understand waits", async () => {
  const done = Promise.withResolvers<void>();
  await using all = await subject(async () => {
    await slowly(1_500);
    done.resolve();
    return Response.json({});
  });
  using http = Deno.createHttpClient({ proxy: { transport: "unix", path: all.path } });
  const gone = new AbortController();
  const { headers, body } = await fetch("http://localhost/", {
    client: http,
    signal: gone.signal,
    headers: { [PATIENCE_HEADER]: "stream" },
  });
  assert.equal(headers.get("content-type"), PATIENCE_TYPE);
  gone.abort();
  await body?.cancel().catch(() => {});
  await done.promise;
  const plain = await fetch("http://localhost/", { client: http });
  assert.equal(plain.headers.get("content-type"), "application/json");
  assert.deepEqual(await plain.json(), {});
});
