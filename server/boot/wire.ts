/**
 * Wires the daemon's parts; none of them is started here.
 *
 * @module
 */
import type { Context } from "../controllers/context.ts";
import type { Doctor } from "../doctor/doctor.ts";
import { DockerPlugin } from "../docker/plugin/plugin.ts";
import type { Boot } from "./boot.ts";
import type { Host } from "./open/host.ts";
import type { Stores } from "./open/stores.ts";
import { type ClusterParts, wireCluster } from "./wire/cluster.ts";
import { type ContextParts, wireContext } from "./wire/context.ts";
import { type Controllers, wireControllers } from "./wire/controllers.ts";
import { type MemberWired, wireMember } from "./wire/member.ts";
import { type Examiners, wireDoctor, wireExaminers } from "./wire/examiners.ts";

/** The wired parts. */
export interface Parts extends ClusterParts, ContextParts, Examiners, MemberWired {
  stores: Stores;
  host: Host;
  controllers: Controllers;
  /** netsvc as Docker's plugin; absent unless the settings enable it. */
  dockerPlugin: DockerPlugin | undefined;
  doctor: Doctor;
}

export async function wire(boot: Boot, opened: { stores: Stores; host: Host }): Promise<Parts> {
  const { stores, host } = opened;
  const clusterParts = wireCluster(boot, stores, host.suspect);
  const contextParts = await wireContext(boot, { ...opened, ...clusterParts });
  const { context } = contextParts;
  const { sandboxes } = host;
  const controllers = wireControllers(boot, { ...contextParts, sandboxes });
  const dockerPlugin = wirePlugin(boot, { host, context, controllers });
  const examined = { stores, host, context, controllers };
  const examiners = wireExaminers(boot, examined);
  const memberWired = await wireMember(boot, { stores, context, controllers, ...examiners });
  const doctor = wireDoctor(boot, { ...examined, ...examiners, ...memberWired });
  return {
    stores,
    host,
    ...memberWired,
    ...clusterParts,
    ...contextParts,
    controllers,
    dockerPlugin,
    ...examiners,
    doctor,
  };
}

function wirePlugin(
  { plan: { settings }, stack }: Boot,
  { host, context, controllers }: { host: Host; context: Context; controllers: Controllers },
): DockerPlugin | undefined {
  if (settings.dockerPlugin === undefined) return undefined;
  const { services, networks, attachments, adopted, engine } = controllers;
  const plugin = new DockerPlugin({
    context,
    services,
    networks,
    attachments,
    adopted,
    sandboxes: host.sandboxes,
    docker: engine,
    socket: settings.dockerPlugin,
  });
  stack.defer(() => plugin.close());
  return plugin;
}
