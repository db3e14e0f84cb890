/** What a balancer does in real namespaces: a backend that calls its own service needs no other host. */
import assert from "node:assert/strict";
import { Runner } from "../../../lib/linux/tools/runner.ts";
import { openMirror } from "../../../tests/harness/cuttable_store.ts";
import { spawn, until } from "../../../tests/harness/command.ts";
import { TestNamespace } from "../../../tests/harness/host.ts";
import { containerPut, networkPut } from "../../../tests/harness/host_puts.ts";
import { serviceKeys, servicePuts } from "../../../tests/harness/service_puts.ts";
import type { ServiceRecord } from "../../model/records.ts";
import { State } from "../../model/state.ts";
import { Balancer } from "./balancer.ts";

const CREATED = "2026-01-01T00:00:00.000Z";
const TABLE = "netsvc_services";

const web: ServiceRecord = {
  ...{ id: "web", name: "web", network: "n", created: CREATED, mode: "vip", mac: "", aliases: [] },
  addresses: ["10.7.0.9/24", "fd00:7::9/64"],
  ports: [{ port: 80, protocol: "tcp", target: 8080 }],
};

/** The endpoint of a container, by the last number of its addresses. */
function part(container: string, n: number, more: Partial<ServiceRecord> = {}): ServiceRecord {
  const { addresses: _, ...rest } = web;
  return {
    ...{ ...rest, id: `e-${container}`, of: "web", mode: "single", mac: `02:${n}`, ports: [] },
    addresses: [`10.7.0.${n}/24`, `fd00:7::${n}/64`],
    backend: {
      ...{ container, runtime: "netsvc", host: "here", hostId: "here", interface: "eth0" },
      ...{ attached: CREATED, aliases: [] },
    },
    ...more,
  };
}

async function subject() {
  await using stack = new AsyncDisposableStack();
  const home = stack.use(await TestNamespace.create("home"));
  const places = new Map<string, TestNamespace>();
  for (const name of ["a", "b"]) places.set(name, stack.use(await TestNamespace.create(name)));
  const local = await openMirror(stack);
  const state = new State(local, local, { hostId: "here" });
  stack.defer(() => state.close());
  const { key, value } = networkPut("n");
  const pools = [{ family: 4, subnet: "10.7.0.0/24" }, { family: 6, subnet: "fd00:7::/64" }];
  await local.commit({
    puts: [
      { key, value: JSON.stringify({ ...JSON.parse(value), pools }) },
      ...["a", "b"].map(containerPut),
      ...servicePuts(web),
      ...servicePuts(part("a", 10)),
    ],
  });
  const runner = stack.use(new Runner({ home: home.path, keep: true }));
  const namespaces = { path: (id: string) => places.get(id)!.path, alive: () => true };
  const open = () => new Balancer({ state, runner, namespaces });
  /** Backends in the slots of a namespace; `undefined`: it has no table. */
  const slots = async (place: TestNamespace) => {
    const { code, stdout } = await place.run(["nft", "-j", "list", "table", "inet", TABLE]);
    if (code !== 0) return undefined;
    const { nftables } = JSON.parse(stdout) as {
      nftables: { map?: { name: string; elem?: [unknown, { concat: unknown[] }][] } }[];
    };
    const { elem = [] } = nftables.find(({ map }) => map?.name === "slots4")!.map!;
    return elem.map(([, { concat }]) => concat.join(":")).sort();
  };
  const rest = stack.move();
  return {
    ...{ home, local, open, slots, a: places.get("a")!, b: places.get("b")! },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

const SERVER = `
import socket, threading
def serve(family, ip):
    s = socket.create_server((ip, 8080), family=family)
    while True:
        c, a = s.accept(); c.send(a[0].encode()); c.close()
threading.Thread(target=serve, args=(socket.AF_INET6, "fd00:7::10")).start()
serve(socket.AF_INET, "10.7.0.10")
`;

/** What the server says of its client, or the error's number. */
function ask(place: TestNamespace, address: string, port: number) {
  const script = `
import socket
try: print(socket.create_connection(("${address}", ${port}), 5).recv(99).decode())
except OSError as e: print(e.errno)`;
  return place.ok(["python3", "-c", script]);
}

Deno.test("a service's address leads to its backend and answers pings; other ports are refused", async () => {
  await using all = await subject();
  const { a } = all;
  await a.ip(
    ...["link add eth0 type veth peer name other", "link set eth0 up", "link set other up"],
    ...["addr add 10.7.0.10/24 dev eth0", "addr add fd00:7::10/64 dev eth0 nodad"],
  );
  const server = spawn(["python3", "-c", SERVER], { namespace: a.path });
  try {
    const balancer = all.open();
    await balancer.start();
    for (const [address, own] of [["10.7.0.9", "10.7.0.10"], ["fd00:7::9", "fd00:7::10"]]) {
      await until("it serves", async () => (await ask(a, own!, 8080)).trim() === own);
      assert.equal(
        (await ask(a, address!, 80)).trim(),
        own,
        "the backend sees the client's address",
      );
      assert.equal((await ask(a, address!, 81)).trim(), "111", "refused");
      assert.equal((await a.run(["ping", "-c1", "-W2", address!])).code, 0);
    }
    await all.local.commit({ puts: servicePuts(part("a", 10, { draining: CREATED })) });
    await balancer.settled();
    assert.equal((await ask(a, "10.7.0.9", 80)).trim(), "111", "no backend is left");
    await balancer.close();
  } finally {
    server.kill("SIGKILL");
    await server.status;
  }
});

Deno.test("every sandbox of the network, and the host, have what the state says, and no others", async () => {
  await using all = await subject();
  const { a, b, home, local, slots } = all;
  let balancer = all.open();
  await balancer.start();
  const one = ["10.7.0.10:8080"];
  assert.deepEqual([await slots(a), await slots(b), await slots(home)], [one, undefined, one]);
  await local.commit({ puts: servicePuts(part("b", 11, { weight: 2 })) });
  await balancer.settled();
  const three = [...one, "10.7.0.11:8080", "10.7.0.11:8080"];
  for (const place of [a, b, home]) assert.deepEqual(await slots(place), three);
  // What others have removed comes back; what they left alone isn't touched.
  await a.ok(["nft", "delete", "table", "inet", TABLE]);
  await balancer.reconcile();
  assert.deepEqual(await slots(a), three);
  await local.commit({ deletes: serviceKeys("n", "e-b") });
  await balancer.settled();
  assert.deepEqual([await slots(a), await slots(b), await slots(home)], [one, undefined, one]);
  // What has changed while no daemon ran is made good at the next start.
  await balancer.close();
  await local.commit({ puts: servicePuts(part("a", 12)), deletes: [] });
  balancer = all.open();
  await balancer.start();
  assert.deepEqual([await slots(a), await slots(home)], [["10.7.0.12:8080"], ["10.7.0.12:8080"]]);
  await balancer.close();
  await local.commit({ deletes: [...serviceKeys("n", "web"), ...serviceKeys("n", "e-a")] });
  balancer = all.open();
  await balancer.start();
  assert.deepEqual([await slots(a), await slots(home)], [undefined, undefined]);
  await balancer.close();
});
