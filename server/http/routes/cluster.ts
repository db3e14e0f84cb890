/**
 * `/cluster`.
 *
 * @module
 */
import type { ClusterControl } from "../../controllers/clusters/cluster_control.ts";
import { progressOf } from "../patience.ts";
import * as schemas from "../../../lib/api/schemas/mod.ts";
import { answer, type App, body, createRoute, errors, optionalBody, Ref, z } from "./route.ts";

const status = createRoute({
  method: "get",
  path: "/cluster",
  summary: "Show the cluster that this host is in",
  responses: { 200: answer("The cluster with its hosts", schemas.ClusterStatus), ...errors },
});

const troubles = createRoute({
  method: "get",
  path: "/cluster/troubles",
  summary: "Say what is wrong with the cluster, as this host sees it",
  responses: { 200: answer("The worst first", z.array(schemas.Trouble)), ...errors },
});

const init = createRoute({
  method: "post",
  path: "/cluster/init",
  summary: "Make a cluster of this host; the daemon begins again as its first member",
  request: { body: optionalBody(schemas.InitCluster) },
  responses: {
    201: answer("The cluster, and a token for the next host", schemas.InitializedCluster),
    ...errors,
  },
});

const join = createRoute({
  method: "post",
  path: "/cluster/join",
  summary: "Join a cluster; the daemon begins again as a member of it",
  request: { body: body(schemas.JoinCluster) },
  responses: { 200: answer("The cluster", schemas.JoinedCluster), ...errors },
});

const leave = createRoute({
  method: "post",
  path: "/cluster/leave",
  summary: "Leave the cluster; the daemon begins again on its own",
  request: { body: optionalBody(schemas.LeaveCluster) },
  responses: { 200: answer("The cluster that it was in", schemas.LeftCluster), ...errors },
});

const tokens = createRoute({
  method: "get",
  path: "/cluster/tokens",
  summary: "List the join tokens that are good",
  responses: {
    200: answer("Tokens, the first to end first", z.array(schemas.ClusterToken)),
    ...errors,
  },
});

const createToken = createRoute({
  method: "post",
  path: "/cluster/tokens",
  summary: "Make a join token",
  request: { body: optionalBody(schemas.CreateClusterToken) },
  responses: {
    201: answer("The token, which is shown this once", schemas.NewClusterToken),
    ...errors,
  },
});

const removeToken = createRoute({
  method: "delete",
  path: "/cluster/tokens/{ref}",
  summary: "Remove a join token",
  request: { params: Ref },
  responses: { 200: answer("Its id", z.object({ id: z.string() })), ...errors },
});

const rotateKeys = createRoute({
  method: "post",
  path: "/cluster/keys/rotate",
  summary: "Have all hosts make new keys for encrypted networks",
  responses: { 200: answer("Id of the rotation", z.object({ id: z.string() })), ...errors },
});

const rotateAuthority = createRoute({
  method: "post",
  path: "/cluster/ca/rotate",
  summary: "Put other authorities in the place of the cluster's, while it runs",
  request: { body: optionalBody(schemas.RotateAuthority) },
  responses: {
    200: answer("All have certificates of the new ones", schemas.RotatedAuthority),
    ...errors,
  },
});

const backup = createRoute({
  method: "post",
  path: "/cluster/backup",
  summary:
    "Write a backup of the cluster into a file of the daemon's host, which has to be a voter",
  request: { body: body(schemas.BackUpCluster) },
  responses: { 201: answer("The backup", schemas.ClusterBackup), ...errors },
});

const restore = createRoute({
  method: "post",
  path: "/cluster/restore",
  summary: "Put networks, services and the like back to what they are in a backup",
  request: { body: body(schemas.RestoreCluster) },
  responses: { 200: answer("What was changed", schemas.RestoredCluster), ...errors },
});

const recover = createRoute({
  method: "post",
  path: "/cluster/recover",
  summary: "Have this voter go on alone, when the majority is gone for good",
  request: { body: optionalBody(schemas.RecoverCluster) },
  responses: { 200: answer("The cluster", schemas.RecoveredCluster), ...errors },
});

const upgrade = createRoute({
  method: "post",
  path: "/cluster/upgrade",
  summary: "Restart this host's etcd with the program that is installed",
  responses: { 200: answer("What runs now", schemas.UpgradedEtcd), ...errors },
});

export interface ClusterRouteParts {
  clusters: Pick<
    ClusterControl,
    | "status"
    | "troubles"
    | "init"
    | "join"
    | "leave"
    | "tokens"
    | "createToken"
    | "removeToken"
    | "rotateKeys"
    | "rotateAuthority"
    | "repair"
  >;
}

const WHAT = "steps";

export function clusterRoutes(app: App, { clusters }: ClusterRouteParts): void {
  app.openapi(status, async (c) => c.json(await clusters.status(), 200));
  app.openapi(troubles, async (c) => c.json(await clusters.troubles(), 200));
  app.openapi(
    init,
    async (c) => c.json(await clusters.init(c.req.valid("json"), progressOf(c.req.raw, WHAT)), 201),
  );
  app.openapi(
    join,
    async (c) => c.json(await clusters.join(c.req.valid("json"), progressOf(c.req.raw, WHAT)), 200),
  );
  app.openapi(leave, async (c) => c.json(await clusters.leave(c.req.valid("json")), 200));
  app.openapi(rotateAuthority, async (c) => {
    const progress = progressOf(c.req.raw, WHAT);
    return c.json(await clusters.rotateAuthority(c.req.valid("json"), progress), 200);
  });
  app.openapi(rotateKeys, async (c) => c.json(await clusters.rotateKeys(), 200));
  app.openapi(tokens, async (c) => c.json(await clusters.tokens(), 200));
  app.openapi(
    createToken,
    async (c) => c.json(await clusters.createToken(c.req.valid("json")), 201),
  );
  app.openapi(
    removeToken,
    async (c) => c.json(await clusters.removeToken(c.req.valid("param").ref), 200),
  );
  repairRoutes(app, { clusters });
}

function repairRoutes(app: App, { clusters }: ClusterRouteParts): void {
  app.openapi(backup, async (c) => {
    const { file } = c.req.valid("json");
    return c.json({ file, ...await clusters.repair.backup(file) }, 201);
  });
  app.openapi(restore, async (c) => {
    const { file, force } = c.req.valid("json");
    return c.json(await clusters.repair.restore(file, force), 200);
  });
  app.openapi(recover, async (c) => {
    return c.json(await clusters.repair.recover(c.req.valid("json").force), 200);
  });
  app.openapi(upgrade, async (c) => c.json(await clusters.repair.upgrade(), 200));
}
