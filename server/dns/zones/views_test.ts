import assert from "node:assert/strict";
import type { Put } from "../../../kv/store.ts";
import { openMirror } from "../../../tests/harness/cuttable_store.ts";
import { servicePuts } from "../../../tests/harness/service_puts.ts";
import { keys } from "../../model/keys.ts";
import type { NetworkRecord, ServiceRecord } from "../../model/records.ts";
import { State } from "../../model/state.ts";
import { Views } from "./views.ts";

const CREATED = "2026-01-01T00:00:00.000Z";

function network(id: string): Put {
  const record: NetworkRecord = {
    id,
    name: id,
    scope: "local",
    driver: "bridge",
    created: CREATED,
    predefined: false,
    internal: false,
    ipv6: false,
    pools: [],
    options: {},
    labels: {},
  };
  return { key: keys.network(id), value: JSON.stringify(record) };
}

/** A service with a backend in a container of its name. */
function service(on: string, name: string, address: string): ServiceRecord {
  return {
    id: `${on}-${name}`,
    name,
    network: on,
    created: CREATED,
    mode: "single",
    addresses: [`${address}/16`],
    mac: `02:${address}`,
    aliases: [],
    ports: [],
    backend: {
      hostId: "here",
      host: "here",
      container: name,
      runtime: "netsvc",
      interface: "eth0",
      attached: CREATED,
      aliases: [],
    },
  };
}

Deno.test("views follow the state: who is on a network is told of its changes, and nobody else", async () => {
  await using stack = new AsyncDisposableStack();
  const local = await openMirror(stack);
  const state = new State(local, local, { hostId: "here" });
  stack.defer(() => state.close());
  const views = new Views(state);
  const told: string[][] = [];
  views.changed.subscribe((ids) => told.push([...ids].sort()));
  await local.commit({ puts: [network("a"), network("b")] });
  assert.deepEqual(told, []);
  const web = service("a", "web", "10.0.0.1");
  const db = service("a", "db", "10.0.0.2");
  const far = service("b", "far", "10.1.0.1");
  await local.commit({ puts: [web, db, far].flatMap((one) => servicePuts(one)) });
  // Three services in one change are told once.
  assert.deepEqual(told.splice(0), [["db", "far", "web"]]);
  assert.deepEqual(views.view("web").networks.map(({ name }) => name), ["a"]);
  assert.deepEqual(views.view("nobody").networks, []);
  const zone = views.view("web").networks[0];
  assert.equal(views.view("db").networks[0], zone, "a network's zone is built once");
  await local.commit({ puts: servicePuts(service("b", "far", "10.1.0.2")) });
  assert.deepEqual(told.splice(0), [["far"]]);
  assert.equal(views.view("web").networks[0], zone, "nothing of it has changed");
  await local.commit({ puts: servicePuts({ ...web, aliases: ["www"] }) });
  assert.deepEqual(told.splice(0), [["db", "web"]]);
  assert.notEqual(views.view("db").networks[0], zone);
});
