/**
 * A host with plugins: its daemon looks for them in a directory of the test's.
 *
 * @module
 */
import { type HostOptions, TestHost } from "./host.ts";
import { TestPlugin, type TestPluginOptions } from "./plugin.ts";

/** A host whose daemon finds plugins in {@linkcode pluginDir}. */
export async function pluginHost(
  { flags = [], stopped = false }: HostOptions = {},
): Promise<TestHost> {
  const host = await TestHost.create({ stopped: true, flags });
  await equip(host);
  if (!stopped) await host.start();
  return host;
}

/** Where a host's daemon looks for plugins. */
export function pluginDir(host: TestHost): string {
  return `${host.directory}/plugins`;
}

/** Gives a host that isn't started yet its directory of plugins. */
export async function equip(host: TestHost): Promise<void> {
  await Deno.mkdir(pluginDir(host), { recursive: true });
  host.flags.push("--plugin-dir", pluginDir(host));
}

/** A plugin in a host's namespace, on a socket where the daemon finds it unless told otherwise. */
export async function startPlugin(
  host: TestHost,
  name: string,
  options: Partial<TestPluginOptions> = {},
): Promise<TestPlugin> {
  return await TestPlugin.start({
    listen: `unix:${pluginDir(host)}/${name}.sock`,
    namespace: host.namespace.path,
    ...options,
  });
}
