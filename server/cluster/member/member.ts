/**
 * A daemon as a member of its cluster, while it runs.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { EtcdMembers } from "../../../kv/etcd/admin/members.ts";
import { EtcdUsers } from "../../../kv/etcd/admin/users.ts";
import { openStore } from "../../../kv/open.ts";
import type { Store } from "../../../kv/store.ts";
import { errorChain } from "../../../lib/api/errors.ts";
import { sleep } from "../../../lib/async/sleep.ts";
import { Authority } from "../control/authority.ts";
import type { EtcdChild } from "../etcd/etcd_child.ts";
import type { ClusterFile, ClusterState } from "../files/cluster_file.ts";
import { JOIN_PORT } from "../files/ports.ts";
import { AdmissionDesk } from "../join/admission_desk.ts";
import { JoinServer } from "../join/join_server.ts";
import { cutClients } from "./cut_clients.ts";
import { type Duties, QUESTIONS } from "./duties.ts";
import { openAdmin } from "./own_etcd.ts";
import { Renewal } from "./renewal.ts";
import { storeFlag } from "./store_flags.ts";
import { Voter } from "./voter.ts";
import { VoterClient } from "./voter_client.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Pause between attempts to listen where hosts join, in milliseconds. */
const LISTEN_AGAIN_MS = 5_000;

/** What a member is made of. */
export interface MemberParts {
  file: ClusterFile;
  state: ClusterState;
  /** On a voter: its etcd, which runs. */
  child: EtcdChild | undefined;
  /** This host's name and address as they are now. */
  self: () => { name: string; address: string };
}

/** This host in a cluster with a store of its own. */
export class ClusterMember implements AsyncDisposable {
  readonly state: ClusterState;
  readonly #file: ClusterFile;
  readonly #stack = new AsyncDisposableStack();
  readonly #stop = new AbortController();
  /** What every host reads. */
  readonly store: Store;
  /** What only voters can do: done here, or asked for. */
  duties!: Duties;
  voter: Voter | undefined;

  private constructor({ file, state }: MemberParts, store: Store) {
    this.#file = file;
    this.state = state;
    this.store = store;
  }

  /** Opens it. An etcd that doesn't answer yet is no failure. @throws {NetsvcError} about the files */
  static async open(parts: MemberParts): Promise<ClusterMember> {
    const { file: { paths }, state } = parts;
    const flag = (part: "public" | "all", as: "host" | "voter") =>
      storeFlag(state, { paths, part, as });
    const options = { stateDir: paths.directory };
    const store = await openStore(flag("public", "host"), options);
    const member = new ClusterMember(parts, store);
    member.#stack.use(store);
    member.#stack.defer(() => member.#stop.abort());
    try {
      if (state.role === "voter" && parts.child) await member.#openVoter(parts, parts.child);
      else member.duties = new VoterClient(paths, () => member.voters);
      const renewal = new Renewal({ paths, store, self: parts.self, hostId: state.host.id });
      member.#stack.use(renewal);
      renewal.begin();
    } catch (error) {
      await member[Symbol.asyncDispose]();
      throw error;
    }
    return member;
  }

  /** Endpoints of etcd as they are known now. */
  get endpoints(): { host: string; port: number }[] {
    const { store } = this.state;
    return store.kind === "own" ? store.endpoints : [];
  }

  /** Addresses of the voters. */
  get voters(): string[] {
    return this.endpoints.map(({ host }) => host);
  }

  async #openVoter({ state }: MemberParts, child: EtcdChild): Promise<void> {
    const { paths } = this.#file;
    const flag = storeFlag(state, { paths, part: "all", as: "voter" });
    const store = this.#stack.use(await openStore(flag, { stateDir: paths.directory }));
    const admin = this.#stack.use(await openAdmin(paths, this.endpoints));
    const users = new EtcdUsers(admin);
    const voter = this.voter = new Voter({
      store,
      users,
      members: new EtcdMembers(admin),
      paths,
      endpoints: () => this.endpoints,
      cutClients: () => cutClients(child),
    });
    this.duties = voter;
    this.#stack.defer(() => voter.close());
    voter.begin();
    const desk = new AdmissionDesk({
      store,
      users,
      authority: () => Authority.read(paths),
      cluster: state.cluster.id,
      authorities: () => voter.authorities(),
      endpoints: () => this.endpoints,
    });
    const server = new JoinServer({
      desk,
      authorities: () => Deno.readTextFile(paths.ca),
      isMember: (certificate) => voter.isMember(certificate),
      duties: async ({ method, path, body }) => {
        const question = QUESTIONS[`${method} ${path}`];
        return question && await question(voter, body === "" ? undefined : JSON.parse(body));
      },
    });
    this.#stack.defer(() => server.close());
    this.#listen(server, state.host.address);
  }

  /** Listens where hosts join, as soon as the port is free: the daemon has other work meanwhile. */
  #listen(server: JoinServer, host: string): void {
    const { signal } = this.#stop;
    const attempt = async (): Promise<void> => {
      const { paths } = this.#file;
      const [cert, key, ca] = await Promise.all(
        [paths.voterCertificate, paths.voterKey, paths.ca].map((path) => Deno.readTextFile(path)),
      ) as [string, string, string];
      await server.listen({ cert, key, ca }, { host, port: JOIN_PORT });
    };
    (async () => {
      let said = "";
      while (!signal.aborted) {
        try {
          return await attempt();
        } catch (error) {
          const why = errorChain(error)[0]!;
          if (why !== said) log.error("{why}; no host can join meanwhile", { why });
          said = why;
          await sleep(LISTEN_AGAIN_MS, signal);
        }
      }
    })();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
