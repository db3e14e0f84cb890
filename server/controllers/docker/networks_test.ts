import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { NetworkRecord } from "../../model/records.ts";
import type { State } from "../../model/state.ts";
import type { Services } from "../services/services.ts";
import { DockerNetworks } from "./networks.ts";

const network = (name: string, more: Partial<NetworkRecord> = {}) =>
  ({ id: `id of ${name}`, name, predefined: false, ...more }) as NetworkRecord;

/** Networks of which one is used, and one comes into use. */
function subject(failure?: NetsvcError) {
  const removed: string[] = [];
  const reaped: string[] = [];
  const all = [
    network("bridge", { predefined: true }),
    network("used"),
    network("a"),
    network("b"),
  ];
  const ownBackends = () => [
    { backend: { runtime: "docker", container: "c1" } },
    { backend: { runtime: "netsvc", container: "c2" } },
  ];
  const dockerNetworks = new DockerNetworks({
    context: { state: { ownBackends } as unknown as State, defaultNetwork: "b" },
    networks: {
      list: () => all,
      remove: (id) => {
        removed.push(id);
        return failure ? Promise.reject(failure) : Promise.resolve(undefined as never);
      },
    },
    services: {
      list: () => Promise.resolve([{ network: { id: "id of used" } }]),
      ensure: () => Promise.resolve(),
    } as unknown as Services,
    reaper: { reap: (id) => Promise.resolve(void reaped.push(id)) },
  });
  return { dockerNetworks, removed, reaped };
}

Deno.test("prune() removes what is unused, neither predefined nor the default, and fits", async () => {
  const { dockerNetworks, removed } = subject();
  assert.deepEqual(await dockerNetworks.prune(() => false), []);
  assert.deepEqual(await dockerNetworks.prune(() => true), ["a"]);
  assert.deepEqual(removed, ["id of a"]);
});

Deno.test("prune() passes over what has come into use meanwhile, and no other failure", async () => {
  const late = subject(new NetsvcError("in_use", "in use"));
  assert.deepEqual(await late.dockerNetworks.prune(() => true), []);
  const away = subject(new NetsvcError("unavailable", "away"));
  await assert.rejects(away.dockerNetworks.prune(() => true), { code: "unavailable" });
});

Deno.test("remove() reaps containers of engines first: their end may be unknown yet", async () => {
  const { dockerNetworks, removed, reaped } = subject();
  await dockerNetworks.remove(network("a"));
  assert.deepEqual([reaped, removed], [["c1"], ["id of a"]]);
});
