import assert from "node:assert/strict";
import { NetsvcError } from "../../../lib/api/errors.ts";
import { memberHosts } from "../control/records.ts";
import { ClusterFile, type ClusterState } from "../files/cluster_file.ts";
import type { HostInCluster, Vote } from "./duties.ts";
import { leaveCluster } from "./leave.ts";

const id = (n: number) => String(n).repeat(64);

/** Host 1 of three, which vote as `parts` says; what its leaving does is told in `did`. */
async function withMember(
  parts: Vote["part"][],
  test: (
    leave: (force?: boolean) => Promise<unknown>,
    there: { did: string[]; file: ClusterFile; away: () => void },
  ) => Promise<void>,
): Promise<void> {
  const stateDir = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const file = new ClusterFile(stateDir);
  const state: ClusterState = {
    cluster: { id: id(9) },
    host: { id: id(1), address: "10.0.0.1" },
    role: parts[0] === undefined ? "client" : "voter",
    store: { kind: "own", endpoints: [{ host: "10.0.0.1", port: 2479 }] },
  };
  await file.write(state);
  const did: string[] = [];
  let away = false;
  const hosts = [1, 2, 3].map((n) => {
    const { key, value } = memberHosts.put({
      ...{ id: id(n), name: `host-${n}`, address: `10.0.0.${n}`, key: "k", token: "t" },
      ...{ issued: [], until: 1, joined: 1 },
    }, id(n));
    return { key, value, revision: "1" };
  });
  const member = {
    state,
    store: { list: () => Promise.resolve(hosts) },
    voters: parts.map((_, n) => `10.0.0.${n + 1}`),
    duties: {
      votes: () =>
        away
          ? Promise.reject(new NetsvcError("unavailable", "No voter of the cluster answers"))
          : Promise.resolve(parts.map((part, n) => ({ host: id(n + 1), part }))),
    },
    leave: () => Promise.resolve(void did.push("leave")),
  } as unknown as HostInCluster;
  const forget = () => Promise.resolve(void did.push("forget"));
  try {
    await test((force = false) => leaveCluster(file, { member, force, forget }), {
      did,
      file,
      away: () => away = true,
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
}

Deno.test("a voter without which the others had no majority stays, and nothing of it is forgotten", () =>
  withMember(["follower", "leader", "unreachable"], async (leave, { did, file }) => {
    await assert.rejects(leave(), {
      code: "in_use",
      message: /host host-1.*of the other 2 only 1 answers; bring those back first/,
    });
    assert.deepEqual(did, []);
    assert.ok(await file.read());
  }));

Deno.test("where no voter answers a host stays as it is, unless it insists", () =>
  withMember(["follower", "leader", "follower"], async (leave, { did, file, away }) => {
    away();
    await assert.rejects(leave(), { code: "unavailable" });
    assert.deepEqual(did, []);
    await leave(true);
    assert.deepEqual(did, ["forget", "leave"]);
    assert.equal(await file.read(), undefined);
  }));

Deno.test("a voter that the others can spare leaves", () =>
  withMember(["leader", "follower", "follower"], async (leave, { did, file }) => {
    await leave();
    assert.deepEqual(did, ["forget", "leave"]);
    assert.equal(await file.read(), undefined);
  }));
