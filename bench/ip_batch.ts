/**
 * Bare `ip -batch` processes: the floor of what makes links.
 *
 * @module
 */
import { inNamespace } from "../lib/linux/namespaces/namespace.ts";

/** One `ip -batch` process, from its start to its end. */
export async function ipBatch(namespace: string, lines: string[]): Promise<void> {
  const child = inNamespace(namespace, () =>
    new Deno.Command("ip", {
      args: ["-batch", "-"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn());
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`${lines.join("\n")}\n`));
  await writer.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** Lines that make a veth as netsvc does: its end in the host, and its end inside, called `f0`. */
export function vethLines(
  { name, bridge, sandbox, inside = "f0", address = "10.250.0.2/24" }: {
    name: string;
    bridge: string;
    sandbox: string;
    inside?: string;
    address?: string;
  },
): { host: string[]; inside: string[] } {
  return {
    host: [
      `link add name ${name} mtu 1500 type veth peer name ${inside} mtu 1500 netns ${sandbox}`,
      `link set dev ${name} alias floor addrgenmode none master ${bridge} up`,
    ],
    inside: [
      `addr replace ${address} dev ${inside}`,
      `link set dev ${inside} up`,
      `route replace 10.251.0.0/24 via 10.250.0.1 dev ${inside}`,
    ],
  };
}
