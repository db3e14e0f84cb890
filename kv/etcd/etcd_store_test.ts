import { type Conforming, storeConformance } from "../conformance.ts";
import { openStore } from "../open.ts";
import type { Store } from "../store.ts";
import { startEtcd } from "../../tests/harness/etcd.ts";

storeConformance("etcd", async (): Promise<Conforming> => {
  const server = await startEtcd();
  const opened: Store[] = [];
  const connect = async () => {
    const store = await openStore(server.url, { stateDir: "" });
    opened.push(store);
    return store;
  };
  const subject = {
    store: await connect(),
    peer: connect,
    reopen: async () => {
      await subject.store[Symbol.asyncDispose]();
      subject.store = await connect();
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
  return subject;
});
