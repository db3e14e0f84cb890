/**
 * A host of a cluster on a store that was there before. The store's login is all hosts' alike: each of them makes tokens,
 * and none can be put out but by whoever keeps the store.
 *
 * @module
 */
import { NetsvcError } from "../../../../lib/api/errors.ts";
import type { Expelled } from "../../control/expulsion.ts";
import type { ClusterState } from "../../files/cluster_file.ts";
import { type Reads, ScopedStore } from "../../control/scoped_store.ts";
import { formatToken } from "../../control/token.ts";
import { Tokens } from "../../control/tokens.ts";
import type {
  Duties,
  HostInCluster,
  HostView,
  ListedToken,
  NewToken,
  NewTokenTerms,
  Vote,
} from "../duties.ts";
import type { Repair } from "../voting/repair.ts";
import { readPortable } from "./portable_url.ts";
import { clusterPart, forgetHost } from "./records.ts";

/** A member. */
export class ExternalMember implements HostInCluster, Duties {
  readonly state: ClusterState;
  readonly store: ScopedStore;
  readonly voters: readonly string[] = [];
  /** There are no voters, and nobody is put out of a store that all have the login of. */
  readonly view: HostView = {
    seeVoters: () => Promise.resolve([]),
    ownEtcd: () => Promise.resolve(undefined),
    expulsion: () => Promise.resolve(undefined),
  };
  readonly #tokens: Tokens;

  /** @param store of the daemon's networks and services */
  constructor(state: ClusterState, store: Reads) {
    this.state = state;
    this.store = clusterPart(store);
    this.#tokens = new Tokens(new ScopedStore(this.store, "secret/"));
  }

  get duties(): Duties {
    return this;
  }

  get repair(): Repair {
    throw new NetsvcError(
      "unsupported",
      "This cluster is on a store that was there before: back it up, restore and upgrade it with its own tools",
    );
  }

  votes(): Promise<Vote[]> {
    return Promise.resolve([]);
  }

  async createToken(terms: NewTokenTerms): Promise<NewToken> {
    const { store, cluster } = this.state;
    if (store.kind !== "external") {
      throw new NetsvcError("internal", "The cluster has a store of its own");
    }
    // Before a token is made: a file may be gone.
    const { url, files } = await readPortable(store.url);
    const { secret, record: { id, created, expires, uses } } = await this.#tokens.create(terms);
    const token = formatToken({ kind: "external", id, secret, clusterId: cluster.id, url, files });
    return { id, created, expires, uses, token };
  }

  async listTokens(): Promise<ListedToken[]> {
    return (await this.#tokens.list()).map(({ id, created, expires, uses }) => ({
      id,
      created,
      expires,
      uses,
    }));
  }

  async removeToken(reference: string): Promise<{ id: string }> {
    const { id } = await this.#tokens.remove(reference);
    return { id };
  }

  /** Forgets a host that is gone. */
  async expel(host: string): Promise<Expelled> {
    return { expelled: await forgetHost(this.store, host), tokens: [] };
  }

  changeAuthority(): Promise<never> {
    return Promise.reject(
      new NetsvcError(
        "unsupported",
        "This cluster is on a store that was there before, and has no authority of its own: renew the store's certificates with its own tools",
      ),
    );
  }

  async leave(): Promise<void> {
    await forgetHost(this.store, this.state.host.id);
  }
}
