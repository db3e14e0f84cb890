/**
 * What only voters can do, for any host of the cluster: by itself on a voter, else by asking one.
 *
 * @module
 */
import { z } from "zod";
import type { Expelled } from "../control/expulsion.ts";
import type { Store } from "../../../kv/store.ts";
import type { PeerAuthority } from "../control/peer_authority.ts";
import type { ClusterState } from "../files/cluster_file.ts";
import { NetsvcError } from "../../../lib/api/errors.ts";
import type { HostCertificates } from "../control/host_certificates.ts";
import type { Repair } from "./voting/repair.ts";

/** A token as it is listed. */
export interface ListedToken {
  id: string;
  /** In milliseconds since 1970. */
  created: number;
  expires: number;
  /** How many hosts may still join with it. */
  uses: number;
}

/** A token that was made; its text is shown once. */
export interface NewToken extends ListedToken {
  token: string;
}

/** How a token is to be. */
export const NewTokenTerms = z.strictObject({
  /** In milliseconds: a minute to thirty days. */
  ttl: z.int().min(60_000).max(30 * 86_400_000),
  uses: z.int().min(1).max(1000),
});
export type NewTokenTerms = z.output<typeof NewTokenTerms>;

/** What a host needs to be a voter. */
export interface GrantedVote {
  certificate: string;
  /** PEM. */
  authorityKey: string;
  /** Of voters among each other. */
  peerAuthority: PeerAuthority;
  /** The list of revoked certificates: DER, in base64. */
  revoked: string;
}

/** Private keys of the authorities of hosts and of peers, PEM. */
export interface AuthorityKeys {
  hosts: string;
  peers: string;
}

/** A voter's part in the store. */
export interface Vote {
  /** Id of the host. */
  host: string;
  part: "leader" | "follower" | "learner" | "unreachable";
}

/** A voter as it says it is, asked by itself. */
export interface VoterSeen {
  address: string;
  /** `waiting`: it answers, and knows no leader, so that it has no majority. */
  part: Vote["part"] | "waiting";
}

/** That a host was put out of its cluster. */
export interface Expulsed {
  /** Name of the host that did it; absent where that isn't known. */
  by?: string;
  /** In milliseconds since 1970. */
  at: number;
}

/** This host's own etcd, as it stands. */
export interface OwnEtcd {
  /** Whether it is to run. */
  votes: boolean;
  running: boolean;
  /** Why it couldn't be started now. */
  cannot?: string;
  /** Why it would be started by the copy of its program alone. */
  copied?: string;
  /** Whether the authority's key is missing, as on every host without a vote. */
  keyless?: boolean;
}

/** What voters do. */
export interface Duties {
  votes(): Promise<Vote[]>;
  /** @param by id of the host that asks, where it isn't the one that does it */
  createToken(terms: NewTokenTerms, by?: string): Promise<NewToken>;
  listTokens(): Promise<ListedToken[]>;
  /** @returns the id of what was removed */
  removeToken(reference: string): Promise<{ id: string }>;
  /**
   * Puts a host out: its certificates are good no more, nor are its connections, and the tokens that it made.
   *
   * @param by id of the host that asks, where it isn't the one that does it
   */
  expel(host: string, by?: string): Promise<Expelled>;
  /**
   * Puts other authorities in the place of the cluster's, or finds that this is under way already.
   *
   * @param force puts hosts that are down out, which would know only the old one when they are back
   */
  changeAuthority(force: boolean): Promise<ChangedAuthority>;
}

/** A change of authorities that is under way. */
export interface ChangedAuthority {
  id: string;
  /** The hosts that were put out. */
  expelled: { id: string; name: string }[];
}

/** How a host sees its cluster. */
export interface HostView {
  /** How the voters are, each asked by itself; none where the store isn't the cluster's own. */
  seeVoters(): Promise<VoterSeen[]>;
  /** Absent where the store isn't the cluster's own. */
  ownEtcd(): Promise<OwnEtcd | undefined>;
  /** That this host was put out of the cluster, if it can be told so. Never fails. */
  expulsion(): Promise<Expulsed | undefined>;
}

/** A host that is in a cluster, whatever store that has. */
export interface HostInCluster {
  readonly state: ClusterState;
  /** What every host reads: the hosts that were taken in, below `hosts/`. */
  readonly store: Pick<Store, "get" | "list">;
  readonly duties: Duties;
  /** Knows the cluster's hosts by their certificates; absent where they have none. */
  readonly certificates?: HostCertificates;
  /** Addresses of the voters; none where the store isn't the cluster's own. */
  readonly voters: readonly string[];
  readonly view: HostView;
  /** @throws {NetsvcError} `unsupported` where the store isn't the cluster's own */
  readonly repair: Repair;
  leave(): Promise<void>;
}

/** The JSON of a body; an empty one is none. @throws {NetsvcError} `invalid` */
export function readContent(body: string): unknown {
  try {
    return body === "" ? undefined : JSON.parse(body);
  } catch {
    throw new NetsvcError("invalid", "The body is not JSON");
  }
}

/** Reads what a host asks with. @throws {NetsvcError} `invalid` in one line */
export function readTerms<T>(schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const { path, message } = error.issues[0]!;
  throw new NetsvcError(
    "invalid",
    `Not a question of this netsvc's: ${["the body", ...path.map(String)].join(".")}: ${message}`,
  );
}

const Force = z.strictObject({ force: z.boolean() });
const Reference = z.strictObject({ id: z.string().min(1).max(64) });

/** How a voter answers a host's question. @param by id of the host that asks */
type Answer = (duties: Duties, body: unknown, by: string) => Promise<unknown>;

/** The questions of hosts to voters, by method and path. */
export const QUESTIONS: Record<string, Answer> = {
  "GET /votes": (duties) => duties.votes(),
  "POST /tokens": (duties, body, by) => duties.createToken(readTerms(NewTokenTerms, body), by),
  "GET /tokens": (duties) => duties.listTokens(),
  "POST /tokens/remove": (duties, body) => duties.removeToken(readTerms(Reference, body).id),
  "POST /authority/change": (duties, body) => duties.changeAuthority(readTerms(Force, body).force),
  "POST /expel": (duties, body, by) => duties.expel(readTerms(Reference, body).id, by),
};
