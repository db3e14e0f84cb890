/**
 * The cluster that this host is in, or is to be in.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { id, text, time } from "./fields.ts";

const name = text(64).describe("Name of this host in the cluster; the machine's unless given");
const advertise = text(64).describe("Address, or interface, at which the others reach this host");
const etcd = text(4096).describe("Path of etcd; looked for in PATH unless given");
const ttl = z.number().describe("How long the token lasts, in seconds: 60 to 2592000");
const uses = z.number().describe("How many hosts may join with the token: 1 to 1000");

export const InitCluster = z.strictObject({
  name: name.exactOptional(),
  advertise: advertise.exactOptional(),
  etcd: etcd.exactOptional(),
  kvStore: text(4096).describe(
    "A store that exists, as PROVIDER:URL, instead of an etcd of the cluster's own",
  )
    .exactOptional(),
  ttl: ttl.exactOptional(),
  uses: uses.exactOptional(),
}).openapi("InitCluster");

export const ClusterToken = z.object({
  id: z.string(),
  created: time,
  expires: time,
  uses: z.int().describe("How many hosts may still join with it"),
}).openapi("ClusterToken");

export const NewClusterToken = ClusterToken.extend({
  token: z.string().describe("The token itself, which is shown this once"),
}).openapi("NewClusterToken");

export const CreateClusterToken = z.strictObject({
  ttl: ttl.exactOptional(),
  uses: uses.exactOptional(),
}).openapi("CreateClusterToken");

export const InitializedCluster = z.object({ id, token: NewClusterToken }).openapi(
  "InitializedCluster",
);

export const JoinCluster = z.strictObject({
  token: text(65_536),
  name: name.exactOptional(),
  advertise: advertise.exactOptional(),
  etcd: etcd.exactOptional(),
}).openapi("JoinCluster");

export const JoinedCluster = z.object({
  id,
  hosts: z.int(),
  voters: z.int(),
}).openapi("JoinedCluster");

export const LeaveCluster = z.strictObject({
  force: z.boolean().describe("Also with services attached here, and as the last host")
    .exactOptional(),
}).openapi("LeaveCluster");

const file = z.string().min(1).max(4096).startsWith("/").describe("Path on the daemon's host");

export const BackUpCluster = z.strictObject({ file }).openapi("BackUpCluster");

export const ClusterBackup = z.object({
  file: z.string(),
  entries: z.int(),
  bytes: z.int(),
}).openapi("ClusterBackup");

export const RestoreCluster = z.strictObject({
  file,
  force: z.boolean().describe("Also a backup of another cluster").exactOptional(),
}).openapi("RestoreCluster");

export const RestoredCluster = z.object({
  written: z.int().describe("Keys that were put back"),
  deleted: z.int().describe("Keys that weren't there at that time"),
}).openapi("RestoredCluster");

export const RecoverCluster = z.strictObject({
  force: z.boolean().describe("Also while the majority is there").exactOptional(),
}).openapi("RecoverCluster");

export const RecoveredCluster = z.object({ id }).openapi("RecoveredCluster");

export const RotateAuthority = z.strictObject({
  force: z.boolean().describe("Put hosts that are down out").exactOptional(),
}).openapi("RotateAuthority");

export const RotatedAuthority = z.object({
  id: z.string(),
  expelled: z.array(z.string()).describe("Names of the hosts that were put out"),
}).openapi("RotatedAuthority");

export const UpgradedEtcd = z.object({ version: z.string() }).openapi("UpgradedEtcd");

export const LeftCluster = z.object({
  id,
  /** Where this host's automatic backups are now. */
  snapshots: z.string().exactOptional(),
}).openapi("LeftCluster");

export const ClusterHost = z.object({
  id,
  name: z.string(),
  address: z.string().exactOptional(),
  self: z.boolean(),
  role: z.enum(["voter", "learner", "client"]),
  status: z.enum(["up", "down"]),
  store: z.enum(["leader", "follower", "learner", "waiting", "unreachable"]).describe(
    "Of a voter: its part in the store; waiting: for a majority",
  )
    .exactOptional(),
  keysUntil: time.describe("When its certificate ends").exactOptional(),
  lastSeen: z.number().describe(
    "When it was heard of last, in milliseconds before now: when it renewed its lease, where the store knows that",
  )
    .exactOptional(),
}).openapi("ClusterHost");

export const Trouble = z.object({
  severity: z.enum(["problem", "warning"]),
  message: z.string(),
  remedy: z.string(),
}).openapi("Trouble");

export const ClusterStatus = z.object({
  id: id.describe("Absent on a host that is in no cluster").exactOptional(),
  ready: z.boolean().describe("Whether the daemon has begun: it is registered in its store"),
  store: z.string().describe("The store that the hosts share").exactOptional(),
  hosts: z.array(ClusterHost),
  rollover: z.object({
    phase: z.enum(["keys", "trust", "sign", "drop"]).describe(
      "All have the new keys, trust both, have certificates of the new one, trust the new one alone",
    ),
    begun: time,
    waits: z.array(z.string()).describe("Names of the hosts that it waits for"),
  }).describe("Another authority is taking the place of the cluster's").exactOptional(),
}).openapi("ClusterStatus");
