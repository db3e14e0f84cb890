/**
 * Makes a cluster of this host: its authority, its certificates, its etcd with one member. The host is in the cluster from
 * when `cluster.json` is there, which is written last: what a daemon that died before has left is removed by the next.
 *
 * @module
 */
import { EtcdUsers } from "../../../kv/etcd/admin/users.ts";
import { openStore } from "../../../kv/open.ts";
import { deadline } from "../../../lib/async/deadline.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { isAway, NetsvcError } from "../../../lib/api/errors.ts";
import { createRequest, readCertificate, requestedKey } from "../../../lib/x509/x509.ts";
import { openAccess } from "../control/access.ts";
import { Authority, writeVoterFiles } from "../control/authority.ts";
import { createPeerAuthority, writePeerFiles } from "../control/peer_authority.ts";
import { authorityRecords, clusterRecords, memberHosts } from "../control/records.ts";
import { EtcdChild } from "../etcd/etcd_child.ts";
import type { ClusterFile, ClusterState } from "../files/cluster_file.ts";
import { ETCD_CLIENT_PORT } from "../files/ports.ts";
import { writeWhole } from "../files/write_file.ts";
import type { NewToken, NewTokenTerms } from "./duties.ts";
import { newToken } from "./new_token.ts";
import { etcdMember, openAdmin } from "./own_etcd.ts";
import { storeFlag } from "./store_flags.ts";

/** A new etcd answers within this time, in milliseconds. */
const FIRST_ANSWER_MS = 60_000;
const RETRY_MS = 50;

/** This host, as it is to be known. */
export interface NewHost {
  id: string;
  name: string;
  address: string;
  /** As the options gave them, to be kept. */
  given: { name?: string; advertise?: string };
}

/** Tells how far it is: steps done, and how many there are. */
export type Progress = (done: number, total: number) => void;

const STEPS = 4;

/** Makes a cluster. @throws {NetsvcError} and leaves nothing */
export async function makeCluster(
  file: ClusterFile,
  { host, etcd, progress = () => {} }: { host: NewHost; etcd?: string; progress?: Progress },
): Promise<ClusterState> {
  await clearUp(file, etcd);
  const child = new EtcdChild({ paths: file.paths, ...etcd !== undefined && { program: etcd } });
  // Before anything is made: most often it is missing.
  await child.fittingProgram();
  try {
    return await make(file, child, { host, progress, ...etcd !== undefined && { etcd } });
  } catch (error) {
    await child.stop();
    await file.remove();
    throw error;
  } finally {
    child[Symbol.dispose]();
  }
}

/** Removes what a daemon that died while it made a cluster has left. */
export async function clearUp(file: ClusterFile, etcd?: string): Promise<void> {
  if (await file.read() !== undefined) {
    throw new NetsvcError(
      "exists",
      `This host is in a cluster already; "netsvc cluster leave" takes it out`,
    );
  }
  const child = new EtcdChild({ paths: file.paths, ...etcd !== undefined && { program: etcd } });
  await child.stop();
  child[Symbol.dispose]();
  await file.remove();
}

async function make(
  file: ClusterFile,
  child: EtcdChild,
  { host, etcd, progress }: { host: NewHost; etcd?: string; progress: Progress },
): Promise<ClusterState> {
  const { paths } = file;
  const { id, address } = host;
  const state: ClusterState = {
    cluster: { id: crypto.getRandomValues(new Uint8Array(32)).toHex() },
    host: { id, address, ...host.given },
    role: "voter",
    store: {
      kind: "own",
      endpoints: [{ host: address, port: ETCD_CLIENT_PORT }],
      ...etcd !== undefined && { etcd },
    },
  };
  progress(0, STEPS);
  await file.makeDirectory();
  const authority = await Authority.create(state.cluster.id, Date.now());
  const certificate = await writeHostFiles(file, { authority, id, address });
  await writeVoterFiles(paths, { authority, id, address });
  const peers = await createPeerAuthority(state.cluster.id);
  await writePeerFiles(paths, { authority: peers, id, address });
  progress(1, STEPS);
  await child.start(etcdMember(state, { existing: false }));
  await firstAnswer(file, state);
  progress(2, STEPS);
  using admin = await openAdmin(paths, [{ host: address, port: ETCD_CLIENT_PORT }]);
  await openAccess(new EtcdUsers(admin), { id });
  progress(3, STEPS);
  await writeFirstRecords(file, { state, host, certificate, authority });
  await file.write(state);
  progress(STEPS, STEPS);
  return state;
}

/** Makes this host's key and certificate, and writes them with the authority's certificate. */
async function writeHostFiles(
  { paths }: ClusterFile,
  { authority, id, address }: { authority: Authority; id: string; address: string },
): Promise<string> {
  const { request, key } = await createRequest(id);
  const publicKey = await requestedKey(request);
  const certificate = await authority.certifyHost({ id, address, publicKey: publicKey! });
  await writeWhole(paths.ca, authority.certificate);
  await writeWhole(paths.hostKey, key);
  await writeWhole(paths.hostCertificate, certificate);
  return certificate;
}

async function firstAnswer({ paths }: ClusterFile, state: ClusterState): Promise<void> {
  const flag = storeFlag(state, { paths, part: "all", as: "voter" });
  const end = performance.now() + FIRST_ANSWER_MS;
  for (;;) {
    try {
      await using store = await openStore(flag, { stateDir: paths.directory });
      return void await store.get("cluster");
    } catch (error) {
      if (!isAway(error) || performance.now() > end) throw error;
      await sleep(RETRY_MS);
    }
  }
}

async function writeFirstRecords(
  { paths }: ClusterFile,
  { state, host, certificate, authority }: {
    state: ClusterState;
    host: NewHost;
    certificate: string;
    authority: Authority;
  },
): Promise<void> {
  const flag = storeFlag(state, { paths, part: "public", as: "voter" });
  await using store = await openStore(flag, { stateDir: paths.directory });
  const { id, name, address } = host;
  const { serial, until, key } = readCertificate(certificate);
  const now = Date.now();
  const record = {
    id,
    name,
    address,
    issued: [{ serial, until }],
    key,
    until,
    joined: now,
    token: "init",
  };
  await deadline(
    store.commit({
      puts: [
        clusterRecords.put({ id: state.cluster.id, created: now }),
        authorityRecords.put({ certificates: [authority.certificate] }),
        memberHosts.put(record, id),
      ],
    }),
    FIRST_ANSWER_MS,
  );
}

/** Makes the token for the second host, before this one has begun again. */
export async function createFirstToken(
  { paths }: ClusterFile,
  { state, terms }: { state: ClusterState; terms: NewTokenTerms },
): Promise<NewToken> {
  if (state.store.kind !== "own") {
    throw new NetsvcError("internal", "Not a cluster of its own store");
  }
  const { endpoints } = state.store;
  const flag = storeFlag(state, { paths, part: "all", as: "voter" });
  await using store = await openStore(flag, { stateDir: paths.directory });
  return await newToken({ ...terms, by: state.host.id }, { store, paths, endpoints });
}
