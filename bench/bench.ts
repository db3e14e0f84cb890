/**
 * `./task bench`: all measurements, one table. Names of subjects as arguments run only those, `quick` some
 * that together take a few minutes.
 */
import { benchAtOnce } from "./at_once.ts";
import { benchBigDaemon } from "./big_daemon.ts";
import { benchClientStart } from "./client_start.ts";
import { benchCluster } from "./cluster.ts";
import { benchCompose } from "./compose.ts";
import { benchCrowd } from "./crowd.ts";
import { benchDaemon } from "./daemon.ts";
import { benchDocker } from "./docker.ts";
import { benchFormed } from "./formed.ts";
import { benchListing } from "./listing.ts";
import { report, type Row } from "./measure.ts";
import { benchOperations } from "./operations.ts";
import { benchEncrypted, benchOverlay } from "./overlay.ts";
import { benchResolver } from "./resolver.ts";
import { benchRestart } from "./restart.ts";
import { benchScale } from "./scale.ts";

const SUBJECTS: Record<string, () => Promise<Row[]>> = {
  operations: benchOperations,
  "at-once": benchAtOnce,
  crowd: benchCrowd,
  overlay: benchOverlay,
  encrypted: benchEncrypted,
  client: benchClientStart,
  resolver: benchResolver,
  daemon: benchDaemon,
  restart: benchRestart,
  "big-daemon": benchBigDaemon,
  cluster: benchCluster,
  formed: benchFormed,
  docker: benchDocker,
  compose: benchCompose,
  listing: benchListing,
  scale: benchScale,
};

/** What tells most in little time. */
const QUICK = ["operations", "client", "resolver", "daemon"];

const given = Deno.args.length > 0 ? Deno.args : Object.keys(SUBJECTS);
const wanted = [...new Set(given.flatMap((name) => name === "quick" ? QUICK : [name]))];
const unknown = wanted.find((name) => !Object.hasOwn(SUBJECTS, name));
if (unknown !== undefined) {
  console.error(`Unknown subject "${unknown}"; known: quick, ${Object.keys(SUBJECTS).join(", ")}`);
  Deno.exit(2);
}
const rows: Row[] = [];
for (const name of wanted) {
  console.error(`Measuring ${name} …`);
  rows.push(...await SUBJECTS[name]!());
}
console.log(report(rows));
