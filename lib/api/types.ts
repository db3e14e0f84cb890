/**
 * What crosses the API, as types: made from the schemas, of which a client loads none.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type * as schemas from "./schemas/mod.ts";
import type { Scope as ScopeSchema } from "./schemas/fields.ts";

export type Scope = z.output<typeof ScopeSchema>;

export type Pool = z.output<typeof schemas.Pool>;
export type Network = z.output<typeof schemas.Network>;
export type CreatedNetwork = z.output<typeof schemas.CreatedNetwork>;
export type ListedNetwork = z.output<typeof schemas.ListedNetwork>;
export type NetworkDetail = z.output<typeof schemas.NetworkDetail>;
export type CreateNetwork = z.output<typeof schemas.CreateNetwork>;
/** The plugin that hands out a network's addresses. */
export type NetworkIpam = NonNullable<Network["ipam"]>;

export type LinkAlias = z.output<typeof schemas.LinkAlias>;
export type ServicePort = z.output<typeof schemas.ServicePort>;
export type Service = z.output<typeof schemas.Service>;
export type PublishService = z.output<typeof schemas.PublishService>;
export type UpdateService = z.output<typeof schemas.UpdateService>;
export type AttachService = z.output<typeof schemas.AttachService>;
export type DetachService = z.output<typeof schemas.DetachService>;

export type PublishedPort = z.output<typeof schemas.PublishedPort>;
export type Container = z.output<typeof schemas.Container>;
export type ContainerState = Container["state"];
export type CreateContainer = z.output<typeof schemas.CreateContainer>;

export type ProcessSpec = z.output<typeof schemas.ProcessSpec>;
export type ExecSpec = z.output<typeof schemas.ExecSpec>;
export type Launch = z.output<typeof schemas.Launch>;
export type Exec = z.output<typeof schemas.Exec>;
export type LaunchSpec = z.output<typeof schemas.LaunchSpec>;
export type LaunchContainer = z.output<typeof schemas.LaunchContainer>;
export type StopContainer = z.output<typeof schemas.StopContainer>;
export type KillContainer = z.output<typeof schemas.KillContainer>;
export type WaitResult = z.output<typeof schemas.WaitResult>;

export type Host = z.output<typeof schemas.Host>;
export type HostDetail = z.output<typeof schemas.HostDetail>;

export type Removed = z.output<typeof schemas.Removed>;
export type VersionInfo = z.output<typeof schemas.VersionInfo>;
export type NetsvcEvent = z.output<typeof schemas.NetsvcEvent>;
export type Finding = z.output<typeof schemas.Finding>;
export type DoctorLine = z.output<typeof schemas.DoctorLine>;
export type Problem = z.output<typeof schemas.Problem>;

/** What is wanted of `GET /containers/{ref}/logs`. */
export interface LogRequest {
  /** Go on until the container ends. */
  follow?: boolean;
  /** Begin each line with its time (RFC 3339). */
  timestamps?: boolean;
  /** So many lines from the end; all that is kept unless given. */
  tail?: number;
  /** Only what was written from then on, in milliseconds since 1970. */
  since?: number;
}

export type InitCluster = z.output<typeof schemas.InitCluster>;
export type InitializedCluster = z.output<typeof schemas.InitializedCluster>;
export type JoinCluster = z.output<typeof schemas.JoinCluster>;
export type JoinedCluster = z.output<typeof schemas.JoinedCluster>;
export type ClusterBackup = z.output<typeof schemas.ClusterBackup>;
export type RestoreCluster = z.output<typeof schemas.RestoreCluster>;
export type RestoredCluster = z.output<typeof schemas.RestoredCluster>;
export type RecoverCluster = z.output<typeof schemas.RecoverCluster>;
export type RecoveredCluster = z.output<typeof schemas.RecoveredCluster>;
export type UpgradedEtcd = z.output<typeof schemas.UpgradedEtcd>;
export type RotateAuthority = z.output<typeof schemas.RotateAuthority>;
export type RotatedAuthority = z.output<typeof schemas.RotatedAuthority>;
export type LeaveCluster = z.output<typeof schemas.LeaveCluster>;
export type LeftCluster = z.output<typeof schemas.LeftCluster>;
export type ClusterHost = z.output<typeof schemas.ClusterHost>;
export type Trouble = z.output<typeof schemas.Trouble>;
export type ClusterStatus = z.output<typeof schemas.ClusterStatus>;
export type ClusterToken = z.output<typeof schemas.ClusterToken>;
export type NewClusterToken = z.output<typeof schemas.NewClusterToken>;
export type CreateClusterToken = z.output<typeof schemas.CreateClusterToken>;
