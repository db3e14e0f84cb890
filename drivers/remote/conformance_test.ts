import { DriverHost } from "../../tests/harness/driver_host.ts";
import { TestPlugin } from "../../tests/harness/plugin.ts";
import { driverConformance } from "../testing/conformance.ts";
import { Runner } from "../../lib/linux/tools/runner.ts";
import { Plugins } from "./plugin/plugins.ts";
import { RemoteDriver } from "./remote_driver.ts";

/** A host with a plugin that makes real links. */
async function pluginHost(): Promise<DriverHost> {
  const root = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const host = await DriverHost.create(({ runner }) =>
    new RemoteDriver(new Plugins({ places: { sockets: [root], specs: [] } }).get("p"), runner)
  );
  const plugin = await TestPlugin.start({
    listen: `unix:${root}/p.sock`,
    namespace: host.home.path,
  });
  const dispose = host[Symbol.asyncDispose].bind(host);
  host[Symbol.asyncDispose] = async () => {
    await plugin[Symbol.asyncDispose]();
    await dispose();
    await Deno.remove(root, { recursive: true });
  };
  return host;
}

driverConformance(new RemoteDriver(new Plugins().get("remote"), new Runner()), pluginHost, {
  "validate() names an unknown option and the known ones": "options are the plugin's",
  "reconcile() mends whatever was removed by hand": "what is on the host is the plugin's",
  "reconcile() removes what nobody wants any more": "the protocol lists nothing",
});
