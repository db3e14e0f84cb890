/**
 * How a host of a cluster sees it: the voters, its own etcd, and whether it is one of the cluster still.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import { type EtcdChild, obstacles } from "../../etcd/etcd_child.ts";
import type { ClusterState } from "../../files/cluster_file.ts";
import type { ClusterPaths } from "../../files/cluster_paths.ts";
import type { Expulsed, HostView, OwnEtcd, VoterSeen } from "../duties.ts";
import { VoterClient } from "../voter_client.ts";
import { seeVoters } from "./majority.ts";
import { Standing } from "./standing.ts";

/** What {@linkcode OwnView} works with. */
export interface OwnViewParts {
  paths: ClusterPaths;
  state: ClusterState;
  child: EtcdChild;
  /** Whether there is reason to ask if this host is still one of the cluster. */
  suspect: () => boolean;
  /** Endpoints of etcd as they are known now. */
  endpoints: () => { host: string; port: number }[];
}

/** The view of a host in a cluster with a store of its own. */
export class OwnView implements HostView, AsyncDisposable {
  readonly #parts: OwnViewParts;
  readonly #standing: Standing;

  constructor(parts: OwnViewParts) {
    this.#parts = parts;
    this.#standing = new Standing({
      suspect: parts.suspect,
      ask: (signal) => this.#askStanding(signal),
      // What an etcd that is no member has to say would fill the log.
      onExpelled: () => parts.child.stop(),
    });
  }

  begin(): void {
    this.#standing.begin();
  }

  async ownEtcd(): Promise<OwnEtcd> {
    const { child, paths, state } = this.#parts;
    const { running } = child;
    const key = await Deno.stat(paths.caKey).then(() => true, () => false);
    return {
      votes: state.role === "voter",
      running,
      keyless: !key,
      ...await obstacles(child),
    };
  }

  seeVoters(): Promise<VoterSeen[]> {
    return seeVoters(this.#parts.paths, this.#parts.endpoints());
  }

  expulsion(): Promise<Expulsed | undefined> {
    return this.#standing.now();
  }

  /** Asks the other voters, one after the other. @throws {NetsvcError} of the last */
  async #askStanding(signal: AbortSignal): Promise<unknown> {
    const { paths, state, endpoints } = this.#parts;
    // This host itself is the last to know, and one without a majority can't tell.
    let failure: unknown = new NetsvcError("unavailable", "There is no other voter");
    for (const { host } of endpoints().filter((one) => one.host !== state.host.address)) {
      try {
        return await new VoterClient(paths, () => [host]).standing(signal);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#standing[Symbol.asyncDispose]();
  }
}
