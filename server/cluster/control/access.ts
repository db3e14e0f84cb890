/**
 * Who may do what in the cluster's etcd. Users are the names of certificates, so there is no password; one whose user
 * is removed is out, whatever certificate it holds.
 *
 * @module
 */
import { type EtcdUsers, ROOT } from "../../../kv/etcd/admin/users.ts";
import { ownPrefix, PREFIXES } from "./records.ts";
import { voterUser } from "./authority.ts";

/** What etcd's administration has to offer; each is harmless twice. */
export type Users = Pick<
  EtcdUsers,
  "add" | "addRole" | "grant" | "delete" | "deleteRole" | "enable"
>;

/** Role of every host. */
const HOST_ROLE = "host";
function ownRole(id: string): string {
  return `host-${id}`;
}

/** Makes the roles, lets this voter in, and keeps all others out. */
export async function openAccess(users: Users, voter: { id: string }): Promise<void> {
  await users.addRole(HOST_ROLE, [
    { prefix: `${PREFIXES.state}/`, access: "readwrite" },
    { prefix: `${PREFIXES.public}/`, access: "read" },
  ]);
  await letHostIn(users, voter.id);
  await users.enable(voterUser(voter.id));
}

/** Lets a host in. */
export async function letHostIn(users: Users, id: string): Promise<void> {
  await users.addRole(ownRole(id), [{ prefix: ownPrefix(id), access: "readwrite" }]);
  await users.add(id, HOST_ROLE);
  await users.grant(id, ownRole(id));
}

/** Lets a voter's second certificate in: it may do all. */
export async function letVoterIn(users: Users, id: string): Promise<void> {
  await users.add(voterUser(id), ROOT);
}

/** Puts a host out. */
export async function putHostOut(users: Users, id: string): Promise<void> {
  await users.delete(voterUser(id));
  await users.delete(id);
  await users.deleteRole(ownRole(id));
}

/** Takes the rights of voters away from all hosts but these; they stay hosts. */
export async function keepVoters(
  users: Pick<EtcdUsers, "list" | "delete">,
  hosts: readonly string[],
): Promise<void> {
  const kept = new Set(hosts.map(voterUser));
  for (const user of await users.list()) {
    if (user.startsWith(voterUser("")) && !kept.has(user)) await users.delete(user);
  }
}
