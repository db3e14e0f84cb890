/**
 * What the store of a cluster has about the cluster itself. Its parts are prefixes of etcd's keys, so that etcd's
 * roles can tell who may do what:
 *
 * - `netsvc/`: networks, services and the like; every host reads and writes it.
 * - `netsvc-cluster/public/`: every host reads it, and writes what is its own, below `self/ID/`.
 * - `netsvc-cluster/secret/`: voters alone read and write it, and write the other two.
 *
 * @module
 */
import { z } from "zod";
import type { Check, Entry, Put, Store } from "../../../kv/store.ts";
import { HostAddress, HostName } from "./host_text.ts";
import { MAX_ISSUED } from "./serials.ts";

/** Prefixes of etcd's keys. */
export const PREFIXES = {
  state: "netsvc",
  public: "netsvc-cluster/public",
  /** Of the store that voters open: in it the keys of the others begin with `public/` and `secret/`. */
  all: "netsvc-cluster",
} as const;

const Id = z.string().regex(/^[0-9a-f]{64}$/);
const Serial = z.string().regex(/^[0-9a-f]{1,40}$/);
const Time = z.number().int().min(0);
const Pem = z.string().max(16_384);

/** The cluster. */
export const ClusterRecord = z.strictObject({ v: z.literal(1), id: Id, created: Time });

/** A host that was taken in: what voters say about it. */
export const HostRecord = z.strictObject({
  v: z.literal(1),
  id: Id,
  name: HostName,
  address: HostAddress,
  /** Its certificates that haven't ended, the newest last; all are revoked with it. */
  issued: z.array(z.strictObject({ serial: Serial, until: Time })).max(4 * MAX_ISSUED),
  /** Fingerprint of its key. */
  key: z.string(),
  /** When its newest certificate ends. */
  until: Time,
  joined: Time,
  /** The token that it came with. */
  token: z.string(),
});

/** A join token. */
export const TokenRecord = z.strictObject({
  v: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  /** SHA-256 of its secret. */
  hash: z.string(),
  created: Time,
  expires: Time,
  /** How many hosts may still join with it. */
  uses: z.int().min(0),
  /** The host that it was made for, whose removal ends it. */
  by: Id.optional(),
});

/** A certificate that is good no more. */
export const RevokedRecord = z.strictObject({
  v: z.literal(1),
  serial: Serial,
  host: Id,
  at: Time,
  /** The host that did it. */
  by: Id.optional(),
});

/** The authority's certificates: one, or two while it is being replaced; the one that signs first. */
export const AuthorityRecord = z.strictObject({
  v: z.literal(1),
  certificates: z.array(Pem).min(1).max(4),
});

/** The steps in which other authorities take the place of the cluster's, in their order. */
export const PHASES = ["keys", "trust", "sign", "drop"] as const;
export type Phase = typeof PHASES[number];

/** Other authorities are taking the place of the cluster's: of hosts, and of voters among each other. */
export const RolloverRecord = z.strictObject({
  v: z.literal(1),
  id: z.string().regex(/^[0-9a-f]{16}$/),
  begun: Time,
  /** The voter that made them. */
  by: Id,
  phase: z.enum(PHASES),
  next: z.strictObject({ hosts: Pem, peers: Pem }),
  before: z.strictObject({ hosts: Pem, peers: Pem }),
});

/** How far one has come with that: this phase is done, and all before it. */
export const FollowedRecord = z.strictObject({
  v: z.literal(1),
  rollover: z.string().max(40),
  phase: z.enum(PHASES),
});

/** A host's request for another certificate, which it writes itself. */
export const RequestRecord = z.strictObject({
  v: z.literal(1),
  request: Pem,
  name: HostName,
  address: HostAddress,
});

/** A certificate that a host had asked for. */
export const CertificateRecord = z.strictObject({
  v: z.literal(1),
  certificate: Pem,
  /** Of the request, so that the host knows the answer to its own. */
  request: z.string(),
});

/** What a host says of itself, for the choice of voters. */
export const FactsRecord = z.strictObject({
  v: z.literal(1),
  /** Version of its etcd; absent where it has none. */
  etcd: z.string().max(40).optional(),
  /** Since when it is up. */
  since: Time,
});

export type HostRecord = z.output<typeof HostRecord>;
export type TokenRecord = z.output<typeof TokenRecord>;
export type RolloverRecord = z.output<typeof RolloverRecord>;
export type FollowedRecord = z.output<typeof FollowedRecord>;

/** A kind of record, and the key that each has. */
class Kind<T extends object, A extends string[]> {
  readonly #schema: z.ZodType<T>;
  readonly key: (...names: A) => string;

  constructor(schema: z.ZodType<T>, key: (...names: A) => string) {
    this.#schema = schema;
    this.key = key;
  }

  /** @returns `undefined` for what isn't just as this netsvc writes it */
  read(entry: Entry | undefined): T | undefined {
    if (!entry) return undefined;
    try {
      return this.#schema.parse(JSON.parse(entry.value));
    } catch {
      return undefined;
    }
  }

  async get(
    store: Pick<Store, "get">,
    ...names: A
  ): Promise<{ record: T | undefined; check: Check }> {
    const key = this.key(...names);
    const entry = await store.get(key);
    return { record: this.read(entry), check: { key, revision: entry?.revision ?? null } };
  }

  async list(store: Pick<Store, "list">, prefix: string): Promise<T[]> {
    return (await store.list(prefix)).flatMap((entry) => this.read(entry) ?? []);
  }

  put(record: Omit<T, "v">, ...names: A): Put {
    return { key: this.key(...names), value: JSON.stringify({ v: 1, ...record }) };
  }
}

/** In `public/`. */
export const clusterRecords = new Kind(ClusterRecord, () => "cluster");
export const memberHosts = new Kind(HostRecord, (id: string) => `hosts/${id}`);
export const revoked = new Kind(RevokedRecord, (serial: string) => `revoked/${serial}`);
export const authorityRecords = new Kind(AuthorityRecord, () => "authority");
export const certificates = new Kind(CertificateRecord, (id: string) => `certificates/${id}`);
export const requests = new Kind(RequestRecord, (id: string) => `self/${id}/request`);
export const hostFacts = new Kind(FactsRecord, (id: string) => `self/${id}/facts`);
export const rollovers = new Kind(RolloverRecord, () => "rollover");
/** What hosts say, and what voters say of their part. */
export const followed = new Kind(FollowedRecord, (id: string) => `self/${id}/rollover`);
export const voterFollowed = new Kind(FollowedRecord, (id: string) => `followed/${id}`);
/** In `secret/`. */
export const tokens = new Kind(TokenRecord, (id: string) => `tokens/${id}`);

/** What etcd's roles are told of: what a host writes itself. */
export function ownPrefix(id: string): string {
  return `${PREFIXES.public}/self/${id}/`;
}
