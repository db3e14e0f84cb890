/**
 * The session of the README, for real, on a host of its own (a network namespace): nothing of this
 * machine's network is touched, and nothing is left when it ends.
 */
import { TestHost } from "./harness/host.ts";

const bold = Deno.stdout.isTerminal() && !Deno.noColor ? ["\x1b[1m", "\x1b[0m"] : ["", ""];

/** The command of the session that is meant to be refused. */
const REFUSED = "network rm foo";

const SESSION: string[][] = [
  ["network", "ls"],
  ["network", "create", "foo"],
  ["service", "publish", "my-service.foo"],
  ["container", "create", "web"],
  ["service", "attach", "web", "my-service.foo"],
  ["service", "ls"],
  ["run", "--rm", "--net", "foo", "--", "ping", "-c1", "my-service"],
  ["run", "-d", "--name", "db", "--publish-service", "db.foo", "--", "sleep", "1000"],
  ["run", "--rm", "--net", "foo", "--", "ping", "-c1", "db.foo"],
  ["service", "ls"],
  ["service", "detach", "web", "my-service.foo"],
  ["service", "unpublish", "my-service.foo"],
  ["network", "info", "foo"],
  ["network", "rm", "foo"],
  ["container", "rm", "-f", "db", "web"],
  ["network", "rm", "-f", "foo"],
];

if (Deno.uid() !== 0) {
  console.error("netsvc needs root: network namespaces are the kernel's; run this with sudo");
  Deno.exit(1);
}
console.log(`${bold[0]}$ netsvc -d &${bold[1]}`);
await using host = await TestHost.create();
for (const words of SESSION) {
  console.log(`${bold[0]}$ netsvc ${words.join(" ")}${bold[1]}`);
  const { code, stdout, stderr } = await host.run(words);
  if (stdout) console.log(stdout.trimEnd());
  if (stderr) console.log(stderr.trimEnd());
  if ((code !== 0) !== (words.join(" ") === REFUSED)) Deno.exitCode = 1;
}
console.log(`\nThe daemon's log:\n${host.log().trimEnd()}`);
