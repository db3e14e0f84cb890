/**
 * Controllers on a store of their own, with a driver that notes what it is told: no kernel, no daemon. The
 * order in which locks are taken is checked all along.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Decided, Driver, DriverCapabilities } from "../../drivers/driver.ts";
import type { Ipam } from "../../drivers/ipam.ts";
import { namesOnlyDriver } from "../../drivers/names_only/names_only.ts";
import { Drivers } from "../../drivers/registry.ts";
import { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import { libc } from "../../lib/linux/libc.ts";
import type { Context } from "../../server/controllers/context.ts";
import { Attachments } from "../../server/controllers/endpoints/attachments.ts";
import { type Held, LADDER, type Lock, Locks } from "../../server/controllers/locks.ts";
import { Networks } from "../../server/controllers/networks/networks.ts";
import { Services } from "../../server/controllers/services/services.ts";
import { Working } from "../../server/controllers/working.ts";
import { IntentLog } from "../../server/drivers/intent_log.ts";
import { Ipams } from "../../server/drivers/ipam/ipams.ts";
import { Joined } from "../../server/drivers/local_endpoints.ts";
import { ManagedDrivers } from "../../server/drivers/managed_drivers.ts";
import { parseAddressPool } from "../../server/ipam/default_pools.ts";
import { Mirror } from "../../server/model/mirror.ts";
import { containerRecords } from "../../server/model/repository/containers.ts";
import { Directory } from "../../server/model/shared/directory.ts";
import { SharedStore } from "../../server/model/shared/shared_store.ts";
import { State } from "../../server/model/state.ts";
import { CuttableStore } from "./cuttable_store.ts";

libc(); // It stays loaded, whichever test comes first.

/** The rungs, with the gate where it stands. */
const RUNGS = LADDER.flatMap((lock) => lock === "addresses" ? ["gate", lock] : [lock]);

/** What is held, by who runs now. */
const held = new AsyncLocalStorage<string[]>();

/** Runs something one rung further down. */
function below<T>(rung: string, order: string[], action: () => Promise<T>): Promise<T> {
  const above = held.getStore() ?? [];
  const wrong = above.find((other) => RUNGS.indexOf(other) >= RUNGS.indexOf(rung));
  if (wrong !== undefined) order.push(`${rung} is taken while ${wrong} is held`);
  return held.run([...above, rung], action);
}

class CheckedLocks extends Locks {
  constructor(working: Working, readonly order: string[]) {
    super(working);
  }

  protected override take<L extends Lock, T>(
    lock: L,
    id: string,
    action: (held: Held<L>) => Promise<T>,
  ): Promise<T> {
    return below(lock, this.order, () => super.take(lock, id, action));
  }
}

class CheckedGate extends ReadWriteLock {
  constructor(readonly order: string[]) {
    super();
  }

  override shared<T>(action: () => Promise<T>): Promise<T> {
    return below("gate", this.order, () => super.shared(action));
  }
}

/** A driver that notes its calls. */
export interface FakeDriver extends Driver {
  /** `join`, `leave`, `createNetwork`, … in order. */
  readonly calls: string[];
  /** Called first; what it throws is the driver's failure. */
  on: (call: string) => void | Promise<void>;
  /** What joining decides. */
  decides: Decided | undefined;
}

/** Makes one. */
export function fakeDriver(name: string, capabilities: Partial<DriverCapabilities>): FakeDriver {
  const call = async (what: string) => {
    fake.calls.push(what);
    await fake.on(what);
  };
  const plain = namesOnlyDriver(name);
  const fake: FakeDriver = {
    ...plain,
    calls: [],
    on: () => {},
    decides: undefined,
    capabilities: {
      ...plain.capabilities,
      createsNetworks: true,
      addresses: true,
      gateway: "own",
      ...capabilities,
    },
    validate: () => {},
    createNetwork: () => call("createNetwork"),
    deleteNetwork: () => call("deleteNetwork"),
    unpublish: () => call("unpublish"),
    join: async () => {
      await call("join");
      return fake.decides;
    },
    leave: () => call("leave"),
    setPeers: () => call("setPeers"),
  };
  return fake;
}

/** See the module. */
export interface ControllerSubject extends AsyncDisposable {
  context: Context;
  services: Services;
  networks: Networks;
  attachments: Attachments;
  intents: IntentLog;
  store: CuttableStore;
  /** netsvc's own kind of driver, by the name `bridge`. */
  bridge: FakeDriver;
  /** A plugin's kind, by the name `plugin`. */
  plugin: FakeDriver;
  /** Locks that were taken in another order than the ladder's. */
  order: string[];
  /** Writes a container of this host. */
  container(id: string): Promise<void>;
}

/** Makes one. @param ipam that of plugins */
export async function controllerSubject(ipam?: Ipam): Promise<ControllerSubject> {
  await using stack = new AsyncDisposableStack();
  const store = stack.use(await CuttableStore.open());
  const mirror = stack.adopt(await Mirror.open(store.store), (mirror) => mirror.close());
  const shared = SharedStore.local(mirror);
  const state = new State(mirror, shared.mirror, { hostId: "here" });
  stack.defer(() => state.close());
  const bridge = fakeDriver("bridge", {});
  const plugin = fakeDriver("plugin", {
    gateway: "plugin",
    exclusiveWithReconcile: false,
    external: true,
  });
  const own = new Map([bridge, plugin, namesOnlyDriver("host"), namesOnlyDriver("null")]
    .map((driver) => [driver.name, driver as Driver]));
  const drivers = new Drivers(own, (name) => {
    throw new Error(`There is no plugin ${name}`);
  });
  const order: string[] = [];
  const working = new Working();
  const locks = new CheckedLocks(working, order);
  const gate = new CheckedGate(order);
  const plugins = () => Object.assign(ipam!, { session: () => Promise.resolve("one") }) as never;
  const intents = new IntentLog({
    state,
    locks,
    working,
    drivers,
    ipam: plugins,
    loaded: () => true,
    onKept: () => {},
  });
  const context = {
    state,
    drivers: new ManagedDrivers(drivers, { gate, intents }),
    locks,
    working,
    gate,
    namespaces: { path: (id: string) => `/nowhere/${id}`, alive: () => true },
    cluster: {
      membership: { address: undefined, name: "one" },
      interests: shared.interests,
      directory: new Directory(state, shared.interests, shared.mirror.store),
      loaded: () => true,
    },
    joined: new Joined(),
    host: "one",
    hostId: "here",
    defaultNetwork: "bridge",
    encryptByDefault: () => false,
    addressPools: [
      parseAddressPool("base=10.99.0.0/16,size=24"),
      parseAddressPool("base=fd99::/48,size=64"),
    ],
  } as unknown as Context;
  const ipams = new Ipams({ state, interests: shared.interests, intents, ipam: plugins });
  const services = new Services(context, ipams);
  const networks = new Networks(context, services, ipams);
  const attachments = new Attachments(context, services, networks);
  const rest = stack.move();
  return {
    context,
    services,
    networks,
    attachments,
    intents,
    store,
    bridge,
    plugin,
    order,
    container: async (id) => {
      await mirror.commit(containerRecords.create({
        kind: "own",
        id,
        name: `name-${id.slice(0, 2)}${id.slice(-2)}`,
        created: "2026-01-01T00:00:00.000Z",
        hostname: id.slice(0, 12),
        state: "running",
        networkMode: "networks",
        ports: [],
        autoRemove: false,
      }));
    },
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}
