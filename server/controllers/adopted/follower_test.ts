import assert from "node:assert/strict";
import { Signal } from "../../../lib/async/signal.ts";
import type { Engine, EngineEvent, ForeignContainer } from "../../engines/engine.ts";
import type { AdoptedContainer, ContainerRecord } from "../../model/container.ts";
import type { DesiredEndpoint } from "../../model/repository/desired.ts";
import type { Context } from "../context.ts";
import { Follower } from "./follower.ts";

const adopted = (id: string, state: "running" | "exited"): AdoptedContainer => ({
  ...{ kind: "adopted", id, name: id, created: "", hostname: "", state, ports: [] },
  ...{ runtime: "docker", namespace: "", links: [], hasRoute: true, resolver: "", upstreams: [] },
});
const follows = (service: string): DesiredEndpoint => ({
  ...{ network: "n", name: "net", service, aliases: [], links: [], ips: [] },
});

/** A follower of an engine that tells what the test says, and of which `found` is there. */
function subject(records: ContainerRecord[], found: Record<string, boolean>) {
  const done: string[] = [];
  const note = (what: string) => (id: string) => Promise.resolve(void done.push(`${what} ${id}`));
  let tell: (event: EngineEvent) => void = () => {};
  const engine: Engine = {
    name: "docker",
    find: (id) =>
      Promise.resolve(
        id in found
          ? { id, name: id, runtime: "docker", ...found[id] && { running: { namespace: "" } } }
          : undefined,
      ),
    watch: (listener, signal) => {
      tell = listener;
      done.push("watch");
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  };
  const context = {
    state: { networks: new Map([["n", {}]]) },
    locks: { container: (_: string, action: () => Promise<void>) => action() },
  } as unknown as Context;
  const signal = new Signal<string>();
  const follower = new Follower({
    context,
    engines: { get: (name) => name === "docker" ? engine : undefined },
    services: { ensure: note("ensure"), amend: note("rename") } as never,
    store: {
      all: () => records,
      get: (id: string) => records.find((record) => record.id === id),
    } as never,
    attachments: {
      attach: (_: unknown, service: string) => {
        done.push(`attach ${service}`);
        return service === "bad" ? Promise.reject(new Error("no")) : Promise.resolve({});
      },
    } as never,
    adopted: {
      adopter: { adopted: signal, adopt: ({ id }: ForeignContainer) => note("adopt")(id) },
      reaper: { reap: note("reap") },
      release: { forget: note("forget") },
    } as never,
    desired: { followed: () => [follows("bad"), follows("good")] },
  });
  return { follower, done, signal, tell: (event: EngineEvent) => tell(event) };
}

Deno.test("an engine is followed from its first container on, once", async () => {
  const { follower, done, signal } = subject([], {});
  for (const runtime of ["pid", "docker", "docker"]) signal.emit(runtime);
  follower.resume();
  assert.deepEqual(done, ["watch"]);
  await follower.close();
  signal.emit("podman");
  assert.deepEqual(done, ["watch"]);
});

Deno.test("one that was started is attached again to all that it follows", async () => {
  const { follower, done, tell } = subject([adopted("a", "exited")], { a: true });
  follower.watch("docker");
  tell({ type: "start", id: "a" });
  await follower.close();
  assert.deepEqual(done, [
    ...["watch", "reap a", "adopt a", "ensure n", "attach bad", "ensure n", "attach good"],
  ]);
});

Deno.test("one that has ended is reaped, and forgotten when its engine has removed it", async () => {
  const records = [adopted("stopped", "exited"), adopted("gone", "exited")];
  const { follower, done, tell } = subject(records, { stopped: false });
  follower.watch("docker");
  for (const id of ["stopped", "gone", "nobody's"]) tell({ type: "die", id });
  await follower.close();
  assert.deepEqual(done.sort(), ["forget gone", "reap gone", "reap stopped", "watch"]);
});

Deno.test("after a gap all are looked at, before what else there is to do", async () => {
  const records = [adopted("a", "running"), adopted("b", "running")];
  const { follower, done, tell } = subject(records, { a: true, b: true });
  follower.watch("docker", ({ type }) => Promise.resolve(void done.push(`then ${type}`)));
  tell({ type: "gap" });
  await follower.close();
  assert.deepEqual(done, ["watch", "reap a", "reap b", "then gap"]);
});
