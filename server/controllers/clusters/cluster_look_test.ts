import assert from "node:assert/strict";
import type { HostInCluster, HostView } from "../../cluster/member/duties.ts";
import { ClusterLook, type ClusterLookParts } from "./cluster_look.ts";

const ID = "a".repeat(64);
const record = {
  v: 1,
  id: ID,
  name: "one",
  address: "10.0.0.1",
  issued: [],
  key: "",
  until: Date.parse("2199-01-01T00:00:00Z"),
  joined: 0,
  token: "",
};

const VIEW: HostView = {
  seeVoters: () => Promise.resolve([{ address: "10.0.0.1", part: "waiting" }]),
  ownEtcd: () => Promise.resolve({ votes: true, running: true }),
  expulsion: () => Promise.resolve(undefined),
};

function look(member: Partial<HostInCluster>, more: Partial<ClusterLookParts> = {}): ClusterLook {
  return new ClusterLook({
    member: {
      state: {
        cluster: { id: "c".repeat(64) },
        host: { id: ID, address: "10.0.0.1" },
        role: "voter",
        store: { kind: "own", endpoints: [{ host: "10.0.0.1", port: 2479 }] },
      },
      store: {
        list: (prefix: string) =>
          Promise.resolve(
            prefix === "hosts/"
              ? [{ key: `hosts/${ID}`, value: JSON.stringify(record), revision: "1" }]
              : [],
          ),
      },
      voters: ["10.0.0.1"],
      duties: { votes: () => Promise.resolve([{ host: ID, part: "leader" }]) },
      view: VIEW,
      ...member,
    } as HostInCluster,
    hosts: {
      list: () =>
        Promise.resolve([{
          id: ID,
          name: "one",
          address: "10.0.0.1",
          status: "up" as const,
          self: true,
          version: "1",
          started: "",
        }]),
    },
    registered: () => true,
    storeAway: () => false,
    heardOf: () => Promise.resolve(0),
    networks: () => [],
    ...more,
  });
}

const messages = async (looked: ClusterLook) =>
  (await looked.troubles()).map(({ message }) => message).join("\n");

Deno.test("the voters are asked together, and where that fails each by itself", async () => {
  const parts = async (looked: ClusterLook) =>
    (await looked.status()).hosts.map(({ role, store }) => `${role} ${store}`);
  assert.deepEqual(await parts(look({})), ["voter leader"]);
  assert.deepEqual(await parts(look({}, { storeAway: () => true })), ["voter waiting"]);
  const duties = {
    votes: () => Promise.reject(new Error("no")),
  } as unknown as HostInCluster["duties"];
  assert.deepEqual(await parts(look({ duties })), ["voter waiting"]);
});

Deno.test("who is out hears that and nothing else; a host in no cluster hears nothing", async () => {
  const out = { view: { ...VIEW, expulsion: () => Promise.resolve({ at: 0, by: "two" }) } };
  assert.match(await messages(look(out)), /^This host was removed .* by host two [^\n]+$/);
  const none = look({}, { member: undefined });
  assert.deepEqual(await none.troubles(), []);
  assert.deepEqual(await none.ports(), []);
  assert.deepEqual(await none.status(), { ready: true, hosts: [] });
});

Deno.test("problems come before warnings", async () => {
  const network = { name: "n", scope: "local" as const, subnets: [] };
  const networks = () => [network, { ...network, scope: "global" as const }];
  const looked = look({}, { networks, storeAway: () => true });
  assert.match(await messages(looked), /^No majority: 1 of 1 voter answers[^]*has a network "n"/);
  assert.deepEqual(await looked.ports(), [
    { name: "one", address: "10.0.0.1", ports: [2478, 2479, 2480] },
  ]);
});
