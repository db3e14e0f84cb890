import type { GivenSettings } from "./cli/options/settings.ts";
import { main, reportAny } from "./cli/program.ts";
import { ignoreProxies } from "./lib/linux/processes/proxies.ts";

ignoreProxies();

// What nobody waits for may fail, too: one line, and no stack of a bundle's.
const fail = (event: Event, error: unknown) => {
  event.preventDefault();
  Deno.exit(reportAny(error, Deno.args.includes("-D") || Deno.args.includes("--debug")));
};
globalThis.addEventListener("unhandledrejection", (event) => fail(event, event.reason));
globalThis.addEventListener("error", (event) => fail(event, event.error));

if (Deno.args[0] === "--inside") {
  await (await import("./cli/inside.ts")).runInside(Deno.args.slice(1));
}

const daemon = async (given: GivenSettings, config?: string) =>
  await (await import("./cli/daemon.ts")).startDaemon(given, config);

Deno.exit(await main(Deno.args, { daemon }));
