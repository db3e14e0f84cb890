/**
 * A daemon as a member of its cluster, while it runs.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { EtcdMembers } from "../../../kv/etcd/admin/members.ts";
import { EtcdUsers } from "../../../kv/etcd/admin/users.ts";
import { openStore } from "../../../kv/open.ts";
import type { AdminChannels } from "../../../kv/etcd/admin/admin_calls.ts";
import type { Store } from "../../../kv/store.ts";
import type { Endpoint } from "../../../kv/url/url_parts.ts";
import { errorChain, NetsvcError } from "../../../lib/api/errors.ts";
import { keepVoters } from "../control/access.ts";
import { Authority } from "../control/authority.ts";
import { ScopedStore } from "../control/scoped_store.ts";
import { Tokens } from "../control/tokens.ts";
import type { EtcdChild } from "../etcd/etcd_child.ts";
import { Snapshots } from "../etcd/backup/snapshots.ts";
import { Coordinator } from "../etcd/voters/coordinator.ts";
import { Restarts } from "../etcd/voters/restarts.ts";
import type { ClusterFile, ClusterState } from "../files/cluster_file.ts";
import { AdmissionDesk } from "../join/admission_desk.ts";
import { JoinServer } from "../join/join_server.ts";
import { MemberAddresses } from "../join/member_addresses.ts";
import { keepListening } from "../join/keep_listening.ts";
import { cutClients } from "./cut_clients.ts";
import { type Duties, type HostInCluster, QUESTIONS, readContent } from "./duties.ts";
import { HostCertificates } from "../control/host_certificates.ts";
import { etcdMember, openAdmin, voterTls } from "./own_etcd.ts";
import { VOTERS_PATH } from "./finding/ask_voters.ts";
import { follow } from "./finding/finding.ts";
import type { OwnAddresses } from "./finding/own_address.ts";
import { Renewal } from "./renewal.ts";
import { OwnView } from "./standing/host_view.ts";
import { standingOf } from "./standing/standing_of.ts";
import { storeFlag } from "./store_flags.ts";
import { Repair } from "./voting/repair.ts";
import { OwnCertificates } from "./voting/own_certificates.ts";
import { removeVoterFiles, Voting, votingHosts } from "./voting/voting.ts";
import { changeAuthority } from "./rollover/change.ts";
import { askOthers, keysFor } from "./rollover/next_keys.ts";
import { Rollover } from "./rollover/rollover.ts";
import { Voter } from "./voter.ts";
import { VoterClient } from "./voter_client.ts";

const log = getLogger(["netsvc", "cluster"]);
/** Time that this host's own etcd may take to say how it is, in milliseconds. */
const STATUS_MS = 1_500;

/** What a member is made of. */
export interface MemberParts {
  file: ClusterFile;
  state: ClusterState;
  /** Its etcd; it runs where this host is a voter. */
  child: EtcdChild;
  /** After how many milliseconds a voter that is gone is replaced. */
  replaceAfter: number;
  /** Ids of the hosts that are there. */
  alive: () => Promise<Set<string>>;
  /** Called when the servers of the store are others. */
  onEndpoints: (endpoints: readonly Endpoint[]) => void;
  /** Whether there is reason to ask if this host is still one of the cluster. */
  suspect: () => boolean;
  /** This host's name and address as they are now. */
  self: () => { name: string; address: string };
  /** What addresses this machine has now. */
  addresses: () => OwnAddresses;
  /** Has the daemon begin again. */
  restart: () => void;
}

/** This host in a cluster with a store of its own. */
export class ClusterMember implements HostInCluster, AsyncDisposable {
  readonly state: ClusterState;
  readonly #parts: MemberParts;
  readonly #file: ClusterFile;
  readonly #stack = new AsyncDisposableStack();
  /** What every host reads. */
  readonly store: Store;
  /** What only voters can do: done here, or asked for. */
  duties!: Duties;
  voter: Voter | undefined;
  /** What is open while this host has a vote. */
  #votes: AsyncDisposableStack | undefined;
  #admin: AdminChannels | undefined;
  #votersStores: Store[] = [];
  #rollover: Rollover | undefined;
  /** Restarts this host's etcd in its turn, while it has a vote. */
  restarts: Restarts | undefined;
  #voting!: Voting;
  /** Knows the cluster's hosts by their certificates. */
  readonly certificates: HostCertificates;
  readonly view: OwnView;
  /** Backups, and what is done when it burns. */
  readonly repair: Repair;

  private constructor(parts: MemberParts, store: Store) {
    this.#parts = parts;
    this.#file = parts.file;
    this.state = parts.state;
    this.store = store;
    this.certificates = new HostCertificates({ store, ca: parts.file.paths.ca });
    this.view = this.#stack.use(
      new OwnView({ ...parts, paths: parts.file.paths, endpoints: () => this.endpoints }),
    );
    this.repair = new Repair({
      ...parts,
      store,
      restarts: () => this.restarts,
      becomeVoter: () => this.#takeRole("voter"),
      useEndpoints: (endpoints) => this.#useEndpoints(endpoints),
    });
  }

  /** Opens it. An etcd that doesn't answer yet is no failure. @throws {NetsvcError} about the files */
  static async open(parts: MemberParts): Promise<ClusterMember> {
    const { file: { paths }, state } = parts;
    const flag = (part: "public" | "all", as: "host" | "voter") =>
      storeFlag(state, { paths, part, as });
    const options = { stateDir: paths.directory, own: true };
    const store = await openStore(flag("public", "host"), options);
    const member = new ClusterMember(parts, store);
    member.#stack.use(store);
    member.#stack.defer(() => member.#closeVoter());
    try {
      member.duties = member.#voterClient();
      if (state.role === "voter") await member.#openLastVote(parts);
      member.#voting = member.#stack.use(member.#openVoting(parts));
      member.#voting.begin();
      member.view.begin();
      const self = () => member.#self();
      const renewal = new Renewal({ paths, store, self, hostId: state.host.id });
      member.#stack.use(renewal);
      renewal.begin();
      const endpoints = () => member.endpoints;
      const found = (all: readonly Endpoint[]) => member.#useEndpoints(all);
      member.#stack.use(follow({ ...parts, store, endpoints, found }));
    } catch (error) {
      await member[Symbol.asyncDispose]();
      throw error;
    }
    return member;
  }

  /** Goes on as a voter, where the vote wasn't taken away meanwhile: then it is a client soon, or asks anew. */
  async #openLastVote(parts: MemberParts): Promise<void> {
    try {
      await this.#openVoter(parts);
    } catch (error) {
      await this.#closeVoter();
      if (!(error instanceof NetsvcError && error.code === "unauthorized")) throw error;
      log.warn("The cluster doesn't take this host for a voter any more: {cause}", {
        cause: errorChain(error).join(": "),
      });
    }
  }

  /** A voter is where its etcd listens. */
  #self(): { name: string; address: string } {
    const { role, host } = this.state;
    const { name, address } = this.#parts.self();
    return { name, address: role === "voter" ? host.address : address };
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

  #voterClient(): VoterClient {
    return new VoterClient(this.#file.paths, () => this.voters);
  }

  #openVoting({ file, state, child }: MemberParts): Voting {
    return new Voting({
      file,
      state,
      child,
      store: this.store,
      ask: (request) => this.#voterClient().askVote(request),
      onEndpoints: (endpoints) => this.#useEndpoints(endpoints),
      onRole: (role) => this.#takeRole(role),
    });
  }

  async #useEndpoints(endpoints: readonly Endpoint[]): Promise<void> {
    const { store } = this.state;
    if (store.kind !== "own") return;
    store.endpoints = endpoints.map(({ host, port }) => ({ host, port }));
    await this.#file.write(this.state);
    this.#admin?.useEndpoints(endpoints);
    for (const one of [this.store, ...this.#votersStores]) one.useEndpoints?.(endpoints);
    this.#parts.onEndpoints(endpoints);
  }

  async #takeRole(role: ClusterState["role"]): Promise<void> {
    if (this.state.role === role && (role === "client" || this.voter)) return;
    if (role === "client") await this.#closeVoter();
    this.state.role = role;
    await this.#file.write(this.state);
    if (role === "voter") return await this.#openVoter(this.#parts);
    await removeVoterFiles(this.#file);
  }

  async #closeVoter(): Promise<void> {
    this.voter =
      this.restarts =
      this.#admin =
      this.#rollover =
        undefined;
    this.duties = this.#voterClient();
    this.#votersStores = [];
    await this.#votes?.disposeAsync();
    this.#votes = undefined;
  }

  /** Has another voter put this host out, whose own rights end with it. */
  async leave(): Promise<void> {
    const { host } = this.state;
    await this.#voting[Symbol.asyncDispose]();
    const others = this.voters.filter((address) => address !== host.address);
    try {
      await new VoterClient(this.#file.paths, () => others).expel(host.id);
    } catch (error) {
      // It stays, and goes on.
      this.#voting = this.#stack.use(this.#openVoting(this.#parts));
      this.#voting.begin();
      throw error;
    }
  }

  async #openVoter({ state, child }: MemberParts): Promise<void> {
    const { paths } = this.#file;
    const stack = this.#votes = new AsyncDisposableStack();
    const open = async (part: "all" | "public") => {
      const flag = storeFlag(state, { paths, part, as: "voter" });
      const store = stack.use(await openStore(flag, { stateDir: paths.directory }));
      this.#votersStores.push(store);
      return store;
    };
    const store = await open("all");
    const admin = this.#admin = stack.use(await openAdmin(paths, this.endpoints));
    const users = new EtcdUsers(admin);
    const ofAll = await open("public");
    this.#coordinate(stack, ofAll, users);
    const members = new EtcdMembers(admin);
    const voter: Voter = this.voter = new Voter({
      store,
      self: state.host.id,
      users,
      members,
      paths,
      endpoints: () => this.endpoints,
      cutClients: () => cutClients(child),
      changeAuthority: (force) =>
        changeAuthority({
          cluster: state.cluster.id,
          store: ofAll,
          members,
          hosts: () => votingHosts(ofAll, this.#parts.alive),
          rollover: this.#rollover!,
          expel: (host) => voter.expel(host),
        }, force),
    });
    this.duties = voter;
    stack.defer(() => voter.close());
    voter.begin();
    const stop = new AbortController();
    stack.defer(() => stop.abort());
    const addresses = new MemberAddresses();
    void addresses.follow(ofAll, stop.signal);
    const server = this.#joinServer({ store, users, voter, addresses });
    stack.defer(() => server.close());
    const { voterCertificate: cert, voterKey: key, ca } = paths;
    const { host: { address: host } } = state;
    void keepListening({ server, files: { cert, key, ca }, host, signal: stop.signal });
    const certificates = new OwnCertificates({
      paths,
      id: state.host.id,
      address: () => state.host.address,
      store: ofAll,
      onChange: async () => admin.useTls(await voterTls(paths)),
    });
    stack.use(certificates);
    certificates.begin();
    const rollover = this.#openRollover({ store, ofAll, members, voter, certificates, server });
    this.#rollover = stack.use(rollover);
    rollover.begin();
  }

  /** This voter's part when other authorities take the place of the cluster's. */
  #openRollover(
    { store, ofAll, members, voter, certificates, server }: {
      store: Store;
      ofAll: Store;
      members: EtcdMembers;
      voter: Voter;
      certificates: OwnCertificates;
      server: JoinServer;
    },
  ): Rollover {
    const { file: { paths }, state, child } = this.#parts;
    const { client } = etcdMember(state, { existing: true });
    return new Rollover({
      self: state.host.id,
      store: ofAll,
      tokens: new Tokens(new ScopedStore(store, "secret/")),
      paths,
      fetchKeys: () => askOthers(paths, this.voters.filter((one) => one !== state.host.address)),
      etcdFollows: async () => {
        if (!child.running || (await child.stale())?.settings) return false;
        const status = await members.status(client, STATUS_MS).catch(() => undefined);
        return status?.leader !== undefined;
      },
      joinCa: () => server.ca,
      certifySelf: () => certificates.look(),
      certifyHosts: () => voter.certifyAll(),
    });
  }

  /** Where hosts join, and ask. */
  #joinServer(
    { store, users, voter, addresses }: {
      store: Store;
      users: EtcdUsers;
      voter: Voter;
      addresses: MemberAddresses;
    },
  ): JoinServer {
    const { paths } = this.#file;
    const desk = new AdmissionDesk({
      store,
      users,
      authority: () => Authority.read(paths),
      cluster: this.state.cluster.id,
      authorities: () => voter.authorities(),
      endpoints: () => this.endpoints,
    });
    return new JoinServer({
      desk,
      authorities: () => Deno.readTextFile(paths.ca),
      isMember: (certificate) => voter.isMember(certificate),
      standing: ({ serial }) => standingOf(new ScopedStore(store, "public/"), serial),
      isMemberAddress: (address) => addresses.has(address),
      duties: async ({ host, method, path, body }) => {
        const content = readContent(body) as { request?: unknown } | undefined;
        if (method === "POST" && path === "/vote") {
          return await voter.grantVote(host, String(content?.request));
        }
        if (method === "POST" && path === "/authority/keys") {
          return await keysFor(host, { votes: await voter.votes(), rollover: this.#rollover });
        }
        if (method === "GET" && path === VOTERS_PATH) return { voters: this.endpoints };
        const question = QUESTIONS[`${method} ${path}`];
        return question && await question(voter, content, host);
      },
    });
  }

  /** Looks after the votes of all hosts, in turn with the other voters' daemons. */
  #coordinate(stack: AsyncDisposableStack, store: Store, users: EtcdUsers): void {
    const { file: { paths }, state, child, alive, replaceAfter } = this.#parts;
    const common = {
      self: state.host.id,
      store,
      open: () => openAdmin(paths, this.endpoints),
      hosts: () => votingHosts(store, alive),
    };
    const coordinator = stack.use(
      new Coordinator({
        ...common,
        replaceAfter,
        onVoters: (hosts) => keepVoters(users, hosts),
      }),
    );
    const { repair } = this;
    const write = (path: string) => repair.backup(path);
    const snapshots = stack.use(new Snapshots({ directory: paths.snapshots, write }));
    this.restarts = stack.use(new Restarts({ ...common, child, backup: () => snapshots.make() }));
    snapshots.begin();
    coordinator.begin();
    this.restarts.begin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
