/**
 * Questions asked inside a container's sandbox.
 *
 * @module
 */
import type { TestHost } from "./host.ts";

/** What a name is answered in a container; empty: nothing. */
export async function dig(host: TestHost, container: string, name: string): Promise<string> {
  const query = ["dig", "@127.0.0.11", "+short", "+time=5", "+tries=1", name];
  const { code, stdout } = await host.inside(container, query);
  return code === 0 ? stdout.trim() : `no answer: ${stdout}`;
}

/** Whether a name resolves in a container, and who has it answers a ping. */
export async function pings(host: TestHost, container: string, name: string): Promise<boolean> {
  const address = await dig(host, container, name);
  if (address === "" || address.startsWith("no answer")) return false;
  return (await host.inside(container, ["ping", "-c1", "-W2", address])).code === 0;
}

/** Number of links in a container's sandbox, without `lo`. */
export async function links(host: TestHost, container: string): Promise<number> {
  const { stdout } = await host.inside(container, ["ip", "-br", "link"]);
  return stdout.trim().split("\n").length - 1;
}
