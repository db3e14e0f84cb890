/**
 * netsvc's daemon with spans around what it waits for, and nothing else changed: the request that the file named
 * by `NETSVC_TRACE` is about is the last one that changed something.
 *
 * @module
 */
import { BridgeDriver } from "../../drivers/bridge/bridge_driver.ts";
import { Links } from "../../drivers/links/links.ts";
import { KeyedMutex } from "../../lib/async/keyed_mutex.ts";
import { ReadWriteLock } from "../../lib/async/read_write_lock.ts";
import { lineOf } from "../../lib/linux/net/ip_batch.ts";
import type { NetOp } from "../../lib/linux/net/ops.ts";
import { NftSession } from "../../lib/linux/nft/nft_session.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { Mirror } from "../../server/model/mirror.ts";
import { Recorder } from "./spans.ts";

const recorder = new Recorder();
const file = Deno.env.get("NETSVC_TRACE")!;

const short = (ops: readonly NetOp[]) => `${ops.length} × ${lineOf(ops[0]!).split(" dev")[0]} …`;

/** Ends the time in which a request is routed, its token asked for and its body checked. */
let parsed = () => {};

/** The time until a lock is had is a wait of its own. */
function traceLock<T extends KeyedMutex | ReadWriteLock>(
  prototype: T,
  method: keyof T,
  name: (args: unknown[]) => string,
): void {
  // deno-lint-ignore no-explicit-any -- two classes with different methods
  const original = prototype[method] as any;
  // deno-lint-ignore no-explicit-any
  (prototype as any)[method] = function (...args: unknown[]) {
    const action = args.pop() as () => Promise<unknown>;
    parsed();
    parsed = () => {};
    const close = recorder.open(`lock ${name(args)}`);
    return original.call(this, ...args, () => {
      close();
      return action();
    });
  };
}
traceLock(KeyedMutex.prototype, "run", ([key]) => String(key).replace(/[0-9a-f]{52}$/, "…"));
traceLock(ReadWriteLock.prototype, "shared", () => "gate, shared");
traceLock(ReadWriteLock.prototype, "exclusive", () => "gate, alone");

recorder.wrap(
  Runner.prototype,
  "apply",
  ([ops, at]) => ops.length === 0 ? "ip, nothing" : `ip${at ? " inside" : ""}: ${short(ops)}`,
);
recorder.wrap(Runner.prototype, "run", ([run]) => `process of ${run.tool} ${run.args.join(" ")}`);
recorder.wrap(
  NftSession.prototype,
  "run",
  ([script]) => `nft: ${script.split("\n").length - 1} statements`,
);
recorder.wrap(BridgeDriver.prototype, "join", () => "driver: join");
recorder.wrap(BridgeDriver.prototype, "leave", () => "driver: leave");
recorder.wrap(BridgeDriver.prototype, "createNetwork", () => "driver: createNetwork");
recorder.wrap(BridgeDriver.prototype, "deleteNetwork", () => "driver: deleteNetwork");
recorder.wrap(Links.prototype, "plug", () => "make the veth");
recorder.wrap(Links.prototype, "announce", () => "announce");

const prepare = Runner.prototype.prepare;
Runner.prototype.prepare = function (namespace, options) {
  const prepared = prepare.call(this, namespace, options);
  const from = prepared.kept ? "kept" : "spawned ahead";
  const apply = (ops: readonly NetOp[]) => {
    const done = recorder.open(`ip inside, ${from}: ${short(ops)}`);
    return prepared.apply(ops).finally(done);
  };
  return { ...prepared, apply };
};

const within = Runner.prototype.within;
Runner.prototype.within = function <T>(namespace: string | undefined, action: () => T): T {
  const close = recorder.open(`in a namespace, by system calls`, true);
  try {
    return within.call(this, namespace, action) as T;
  } finally {
    close();
  }
};

const spawn = Deno.Command.prototype.spawn;
Deno.Command.prototype.spawn = function () {
  const close = recorder.open("spawn", true);
  try {
    return spawn.call(this);
  } finally {
    close();
  }
};

const traced = new WeakSet<Mirror>();
const commit = Mirror.prototype.commit;
/** The commit to the store, then the wait until the mirror has it back. */
Mirror.prototype.commit = function (transaction) {
  if (!traced.has(this)) {
    traced.add(this);
    recorder.wrap(
      this.store,
      "commit",
      ([{ puts = [], deletes = [] }]) => `the store commits ${puts.length + deletes.length} keys`,
    );
  }
  const close = recorder.open("commit, with its echo");
  return commit.call(this, transaction).finally(close);
};

const serve = Deno.serve;
type Handler = (request: Request, info: Deno.ServeHandlerInfo) => Promise<Response>;
// deno-lint-ignore no-explicit-any -- its overloads
(Deno as any).serve = (options: any, given?: Handler) => {
  const handler: Handler = given ?? options.handler;
  const traced: Handler = async (request, info) => {
    if (request.method === "GET") return await handler(request, info);
    recorder.begin();
    const whole = recorder.open(`${request.method} ${new URL(request.url).pathname}`);
    parsed = recorder.open("parse: route, token, body, schema");
    const response = await handler(request, info);
    whole();
    // What nobody waits for ends later.
    setTimeout(() => Deno.writeTextFileSync(file, JSON.stringify(recorder.end())), 100);
    return response;
  };
  return given ? serve(options, traced) : serve({ ...options, handler: traced });
};

await import("../../main.ts");
