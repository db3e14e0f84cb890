/**
 * Makes this host one of a cluster. As with `init`, `cluster.json` is written last; the key is kept until then, so that a
 * host that has lost the answer, or died before it kept it, asks again for the same use of its token.
 *
 * @module
 */
import { createRequest } from "../../../lib/x509/x509.ts";
import type { OwnToken } from "../control/token.ts";
import type { ClusterFile, ClusterState } from "../files/cluster_file.ts";
import { writeWhole } from "../files/write_file.ts";
import { requestJoin } from "../join/join_client.ts";
import type { NewHost, Progress } from "./init.ts";

/** A host has joined. */
export interface Joined {
  state: ClusterState;
  hosts: number;
  voters: number;
}

const STEPS = 2;

/** Joins. @throws {NetsvcError} and is in no cluster */
export async function joinCluster(
  file: ClusterFile,
  { token, host, etcd, progress = () => {} }: {
    token: OwnToken;
    host: NewHost;
    etcd?: string;
    progress?: Progress;
  },
): Promise<Joined> {
  const { paths } = file;
  const { id, name, address } = host;
  progress(0, STEPS);
  await file.makeDirectory();
  const kept = await Deno.readTextFile(paths.hostKey).catch(() => undefined);
  const { request, key } = await createRequest(id, kept);
  if (kept === undefined) await writeWhole(paths.hostKey, key);
  const { id: tokenId, secret } = token;
  const answer = await requestJoin(token, {
    token: { id: tokenId, secret },
    request,
    host: { id, name, address },
  });
  progress(1, STEPS);
  const state: ClusterState = {
    cluster: { id: answer.cluster },
    host: { id, address, ...host.given },
    role: "client",
    store: { kind: "own", endpoints: answer.endpoints, ...etcd !== undefined && { etcd } },
  };
  await writeWhole(paths.ca, answer.authorities);
  await writeWhole(paths.hostCertificate, answer.certificate);
  await file.write(state);
  progress(STEPS, STEPS);
  return { state, hosts: answer.hosts, voters: answer.voters };
}
