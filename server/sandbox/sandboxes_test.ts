import assert from "node:assert/strict";
import { libc } from "../../lib/linux/libc.ts";
import { PeerLog, simulatedMachine } from "../../bench/simulation/machine.ts";
import { until } from "../../kv/testing/case.ts";
import { openMirror } from "../../tests/harness/cuttable_store.ts";
import { servicePuts } from "../../tests/harness/service_puts.ts";
import { HostResolvConf } from "../dns/files/resolv_conf.ts";
import { keys } from "../model/keys.ts";
import { type OwnContainer, storedContainer } from "../model/container.ts";
import type { ServiceRecord } from "../model/records.ts";
import { State } from "../model/state.ts";
import { Sandboxes } from "./sandboxes.ts";
import { Views } from "../dns/zones/views.ts";

libc(); // It stays loaded, whichever test comes first.

const CREATED = "2026-01-01T00:00:00.000Z";
const CONTAINER: OwnContainer = {
  kind: "own",
  ...{ id: "c".repeat(64), name: "c", created: CREATED, hostname: "c", state: "created" },
  ...{ networkMode: "networks", ports: [], autoRemove: false },
};

function service(id: string, address: string, container?: string) {
  const record: ServiceRecord = {
    ...{
      id,
      name: id,
      network: "n",
      created: CREATED,
      mode: "single",
      addresses: [`${address}/16`],
      mac: id,
    },
    ...{ aliases: [], ports: [] },
    ...container !== undefined && {
      backend: {
        ...{ container, runtime: "netsvc", host: "h", hostId: "h", interface: "eth0" },
        ...{ attached: CREATED, aliases: [] },
      },
    },
  };
  return servicePuts(record);
}

/** A container that is open, on a machine without a kernel. */
async function subject() {
  await using stack = new AsyncDisposableStack();
  const mirror = await openMirror(stack);
  const state = new State(mirror, mirror, { hostId: "h" });
  const runDir = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
  stack.defer(() => Deno.removeSync(runDir, { recursive: true }));
  const machine = simulatedMachine("192.0.2.1", new PeerLog(), new Set());
  const views = new Views(state);
  const sandboxes = new Sandboxes({
    ...{ state, runDir, views, hostResolvConf: new HostResolvConf() },
    names: machine.serveNames(views, false),
    resolverSockets: machine.resolverSockets,
    namespaces: (await machine.claim({
      ...{ state: "h", stateDir: "/s", runDir, takeOver: false },
      ...{ knowsLink: () => true, knowsContainer: () => true },
    })).namespaces,
  });
  stack.defer(() => sandboxes.stop());
  const key = keys.container(CONTAINER.id);
  await mirror.commit({ puts: [{ key, value: JSON.stringify(storedContainer(CONTAINER)) }] });
  await sandboxes.open(CONTAINER);
  const rest = stack.move();
  const directory = `${runDir}/containers/${CONTAINER.id}`;
  return { mirror, sandboxes, directory, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

Deno.test("files of a container are written when they change, not with each change of its network", async () => {
  await using all = await subject();
  const { mirror, directory } = all;
  const hosts = () => Deno.readTextFileSync(`${directory}/hosts`);
  await mirror.commit({ puts: [...service("own", "10.0.0.2", CONTAINER.id)] });
  await until(() => Promise.resolve(hosts().includes("10.0.0.2")), "its address is in it");
  Deno.writeTextFileSync(`${directory}/hosts`, "a mark");
  await mirror.commit({ puts: [...service("other", "10.0.0.3")] });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(hosts(), "a mark");
  await mirror.commit({ puts: [...service("own", "10.0.0.4", CONTAINER.id)] });
  await until(() => Promise.resolve(hosts().includes("10.0.0.4")), "its new address is in it");
});

Deno.test("a container's directory that somebody removed ends nothing", async () => {
  await using all = await subject();
  const { mirror, sandboxes, directory } = all;
  Deno.removeSync(directory, { recursive: true });
  await mirror.commit({ puts: [...service("own", "10.0.0.2", CONTAINER.id)] });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(sandboxes.size, 1);
  await sandboxes.close(CONTAINER, true);
  assert.equal(sandboxes.size, 0);
});
