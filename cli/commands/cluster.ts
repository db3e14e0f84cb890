/**
 * `netsvc cluster …`.
 *
 * @module
 */
import type { Command } from "commander";
import { STORES } from "../../lib/api/settings/settings.ts";
import type { ClusterHost, ClusterToken, NewClusterToken, Trouble } from "../../lib/api/types.ts";
import type { Client } from "../client/client.ts";
import { argument, option } from "../completion/declare.ts";
import { ownAddress, tokens } from "../completion/objects.ts";
import { clientFor, forEachReference, print, warn } from "../context.ts";
import { addAuthority, rolloverLine } from "./cluster/authority.ts";
import { seconds } from "./cluster/duration.ts";
import { addRepair } from "./cluster/repair.ts";
import { usageError } from "../options/usage.ts";
import {
  addListOptions,
  checkListOptions,
  formatListing,
  type Listing,
  type ListOptions,
} from "../output/listing.ts";

/** A longer text is no token, in characters: one for a store that exists has certificates in it. */
const MAX_TOKEN = 65_536;
/** What completes a store that hosts share. */
const SHARED_STORES = STORES.filter((store) => store !== "local");

/** Options of a new token, as they are given. */
interface TokenOptions {
  ttl?: string;
  uses?: string;
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}

function terms(command: string, { ttl, uses }: TokenOptions): { ttl?: number; uses?: number } {
  if (uses !== undefined && !(/^[1-9]\d{0,3}$/.test(uses) && Number(uses) <= 1000)) {
    throw usageError(
      command,
      `Invalid --uses ${JSON.stringify(uses)}; write a number of hosts, from 1 to 1000`,
    );
  }
  return {
    ...ttl !== undefined && { ttl: seconds(command, ttl) },
    ...uses !== undefined && { uses: Number(uses) },
  };
}

/** How long a token lasts, as a sentence ends with it. */
function lasting({ created, expires }: ClusterToken): string {
  const ms = Date.parse(expires) - Date.parse(created);
  if (ms === 3_600_000) return "within the hour";
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]] as const) {
    if (ms % (size * 1000) === 0) return `within ${count(ms / 1000 / size, unit)}`;
  }
  return `until ${expires}`;
}

function howToJoin(token: NewClusterToken): string {
  const hosts = token.uses === 1 ? "a host" : `up to ${token.uses} hosts`;
  return `Add ${hosts} ${lasting(token)}:\n    netsvc cluster join ${token.token}\n`;
}

/** How long ago, in the unit that fits. */
function ago(ms: number | undefined): string {
  if (ms === undefined) return "–";
  if (ms < 100) return "now";
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

function keys(until: string | undefined, now = Date.now()): string {
  if (until === undefined) return "–";
  const left = Date.parse(until) - now;
  if (left < 0) return `ended ${until.slice(0, 10)}`;
  // Beyond some weeks the year says enough.
  return `until ${left < 60 * 86_400_000 ? until.slice(0, 10) : until.slice(0, 4)}`;
}

const hosts: Listing<ClusterHost> = {
  command: "cluster status",
  columns: [
    ["HOST", (h) => h.self ? `${h.name} *` : h.name],
    ["ADDRESS", (h) => h.address ?? ""],
    ["ROLE", (h) => h.role],
    ["STORE", (h) => h.store ?? "–"],
    ["KEYS", (h) => keys(h.keysUntil)],
    [
      "LAST SEEN",
      (h) => h.status === "down" ? "down" : ago(h.lastSeen),
    ],
  ],
  wide: 0,
  row: (h, id) => ({
    ID: id(h.id),
    Name: h.name,
    Address: h.address ?? "",
    Self: h.self,
    Role: h.role,
    Status: h.status,
    Store: h.store ?? "",
    KeysUntil: h.keysUntil ?? "",
    LastSeen: h.lastSeen ?? "",
  }),
  titles: { ID: "HOST ID", Name: "HOST", KeysUntil: "KEYS", LastSeen: "LAST SEEN" },
  id: (h) => h.id,
  filters: {},
};

const listedTokens: Listing<ClusterToken> = {
  command: "cluster token ls",
  columns: [
    ["TOKEN ID", (t) => t.id],
    ["HOSTS LEFT", (t) => String(t.uses)],
    ["EXPIRES", (t) => t.expires],
  ],
  wide: 0,
  row: (t) => ({ ID: t.id, Uses: t.uses, Created: t.created, Expires: t.expires }),
  titles: { ID: "TOKEN ID", Uses: "HOSTS LEFT" },
  id: (t) => t.id,
  filters: {},
};

function addTokenOptions(command: Command): Command {
  return command
    .addOption(
      option("--ttl <DURATION>", "How long the token lasts, from 1m to 30d; 1h unless given")
        .completedBy(["10m", "1h", "12h", "1d", "7d", "30d"]),
    )
    .addOption(option("--uses <N>", "How many hosts may join with it, 1 to 1000; 1 unless given"));
}

function addHostOptions(command: Command): Command {
  return command
    .addOption(
      option("--advertise <IP|INTERFACE>", "Where the other hosts reach this one")
        .completedBy(ownAddress),
    )
    .addOption(option("--name <NAME>", "Name of this host in the cluster"))
    .addOption(option("--etcd <PATH>", "etcd to use, if not the one in PATH").completedBy("files"));
}

interface HostOptions {
  advertise?: string;
  name?: string;
  etcd?: string;
}

function hostOptions({ advertise, name, etcd }: HostOptions): HostOptions {
  return {
    ...advertise !== undefined && { advertise },
    ...name !== undefined && { name },
    ...etcd !== undefined && { etcd: etcd.startsWith("/") ? etcd : `${Deno.cwd()}/${etcd}` },
  };
}

function addInit(group: Command): void {
  const init = group.command("init").description("Make a cluster of this host").usage("[OPTIONS]");
  addTokenOptions(addHostOptions(init))
    .addOption(
      option(
        "--kv-store <PROVIDER:URL>",
        "A store that exists, instead of an etcd of the cluster's own",
      ).completedBy(SHARED_STORES),
    )
    .action(
      async (options: HostOptions & TokenOptions & { kvStore?: string }, command: Command) => {
        const { kvStore } = options;
        const given = {
          ...hostOptions(options),
          ...terms("cluster init", options),
          ...kvStore !== undefined && { kvStore },
        };
        using client = clientFor(command);
        const { id, token } = await client.cluster.init(given);
        print(`Cluster ${id.slice(0, 8)}: this host is its first member.\n${howToJoin(token)}`);
      },
    );
}

/** The token from standard input, which no list of processes shows. */
async function readToken(): Promise<string> {
  let text = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.length > MAX_TOKEN) break;
  }
  const token = text.trim();
  if (token !== "" && token.length <= MAX_TOKEN) return token;
  throw usageError(
    "cluster join",
    token === ""
      ? `There is no join token on standard input; "netsvc cluster token create -q" prints one`
      : `What is on standard input is longer than a join token; give the token alone`,
  );
}

function addJoin(group: Command): void {
  const join = group.command("join").description(
    "Join this host to a cluster; TOKEN -: read it from standard input",
  )
    .addArgument(argument("<TOKEN>")).usage("[OPTIONS] TOKEN");
  addHostOptions(join).action(async (token: string, options: HostOptions, command: Command) => {
    const given = token === "-" ? await readToken() : token;
    using client = clientFor(command);
    const { id, hosts, voters } = await client.cluster.join({
      token: given,
      ...hostOptions(options),
    });
    print(
      `Joined cluster ${id.slice(0, 8)}: ${
        [count(hosts, "host"), ...voters > 0 ? [count(voters, "voter")] : []].join(", ")
      }.\n`,
    );
    await warnOfTroubles(client);
  });
}

/** Says what is wrong with the cluster, where there is something. */
async function warnOfTroubles(client: Client): Promise<Trouble[]> {
  const troubles = await client.cluster.troubles();
  for (const { message, remedy } of troubles) warn(`${message}. ${remedy}`);
  return troubles;
}

function addStatus(group: Command): void {
  const status = group.command("status").description(
    "Show the cluster and its hosts; * is this one",
  )
    .usage("[OPTIONS]");
  addListOptions(status, hosts).action(async (options: ListOptions, command: Command) => {
    checkListOptions(hosts, options);
    using client = clientFor(command);
    const { id, hosts: all, rollover } = await client.cluster.status();
    if (id === undefined && options.format === "table" && !options.quiet) {
      return print(
        `This host is in no cluster of its own. "netsvc cluster init" makes one, "netsvc cluster join TOKEN" joins one.\n`,
      );
    }
    print(formatListing(all, { listing: hosts, options }));
    if (rollover && options.format === "table" && !options.quiet) print(rolloverLine(rollover));
    if (options.format === "table" && !options.quiet) await warnOfTroubles(client);
  });
}

function addLeave(group: Command): void {
  group.command("leave").description("Take this host out of its cluster").usage("[OPTIONS]")
    .option("-f, --force", "Also with services attached here, and as the last host")
    .action(async ({ force = false }: { force?: boolean }, command: Command) => {
      using client = clientFor(command);
      const { id, snapshots } = await client.cluster.leave({ force });
      const kept = snapshots ? ` This host's backups of it are kept in ${snapshots}.` : "";
      print(`Left cluster ${id.slice(0, 8)}.${kept}\n`);
    });
}

function addTokens(group: Command): void {
  const token = group.command("token").description("Manage join tokens");
  addTokenOptions(
    token.command("create").description("Make a join token").usage("[OPTIONS]")
      .option("-q, --quiet", "Print the token only"),
  ).action(async (options: TokenOptions & { quiet?: boolean }, command: Command) => {
    const given = terms("cluster token create", options);
    using client = clientFor(command);
    const made = await client.cluster.createToken(given);
    print(options.quiet ? `${made.token}\n` : howToJoin(made));
  });
  addListOptions(
    token.command("ls").alias("list").description("List the join tokens that are good").usage(
      "[OPTIONS]",
    ),
    listedTokens,
  ).action(async (options: ListOptions, command: Command) => {
    checkListOptions(listedTokens, options);
    using client = clientFor(command);
    print(formatListing(await client.cluster.tokens(), { listing: listedTokens, options }));
  });
  token.command("rm").aliases(["delete", "remove"]).description("Remove join tokens")
    .addArgument(argument("<TOKEN-ID...>").completedBy(tokens)).usage("TOKEN-ID [TOKEN-ID...]")
    .action(async (refs: string[], _: unknown, command: Command) => {
      using client = clientFor(command);
      await forEachReference(
        refs,
        async (ref) => print(`${(await client.cluster.removeToken(ref)).id}\n`),
      );
    });
}

function addKeys(group: Command): void {
  const keys = group.command("keys").description("Manage the keys of encrypted networks");
  keys.command("rotate").description("Have all hosts make new keys; no connection breaks")
    .action(async (_: unknown, command: Command) => {
      using client = clientFor(command);
      await client.cluster.rotateKeys();
      print(`All hosts make new keys; those that are away follow when they are back.\n`);
    });
}

export function addClusterCommands(program: Command): void {
  const group = program.command("cluster").description("Make this host one of a cluster");
  addInit(group);
  addJoin(group);
  addStatus(group);
  addLeave(group);
  addRepair(group);
  addTokens(group);
  addKeys(group);
  addAuthority(group);
}
