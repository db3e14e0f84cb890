/**
 * Shared stores under the conformance suite.
 *
 * @module
 */
import type { Conforming } from "../../kv/conformance.ts";
import type { Backend } from "../../kv/open.ts";
import type { Store } from "../../kv/store.ts";
import { parseStoreUrl, type StoreUrl } from "../../kv/url.ts";
import { readStoreFiles } from "../../kv/url_files.ts";
import type { TestServer } from "./server.ts";

/** The parts of a value of `--kv-store`. */
export async function storeUrl(text: string): Promise<StoreUrl> {
  return await readStoreFiles(parseStoreUrl(text));
}

/**
 * Starts one server for all tests of a file. Each case of the suite gets a prefix of its own.
 *
 * @returns what gives the server, and what {@linkcode storeConformance} opens cases with
 */
export function sharedServer(
  start: () => Promise<TestServer>,
  open: Backend["open"],
): { server: () => TestServer; conforming: () => Promise<Conforming> } {
  let server: TestServer | undefined;
  Deno.test.beforeAll(async () => {
    server = await start();
  });
  Deno.test.afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  let cases = 0;
  const conforming = async (): Promise<Conforming> => {
    const url = { ...await storeUrl(server!.url), prefix: `case/${++cases}` };
    const peers: Store[] = [];
    const subject = {
      store: await open(url),
      peer: async () => {
        const peer = await open(url);
        peers.push(peer);
        return peer;
      },
      reopen: async () => {
        await subject.store[Symbol.asyncDispose]();
        subject.store = await open(url);
      },
      [Symbol.asyncDispose]: async () => {
        for (const store of [subject.store, ...peers]) await store[Symbol.asyncDispose]();
      },
    };
    return subject;
  };
  return { server: () => server!, conforming };
}
