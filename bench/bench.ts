/**
 * `./task bench`: all measurements, one table. Names of subjects as arguments run only those.
 */
import { benchClientStart } from "./client_start.ts";
import { benchCluster } from "./cluster.ts";
import { benchDaemon } from "./daemon.ts";
import { benchDocker } from "./docker.ts";
import { report, type Row } from "./measure.ts";
import { benchOperations } from "./operations.ts";
import { benchOverlay } from "./overlay.ts";
import { benchResolver } from "./resolver.ts";
import { benchScale } from "./scale.ts";

const SUBJECTS: Record<string, () => Promise<Row[]>> = {
  operations: benchOperations,
  overlay: benchOverlay,
  client: benchClientStart,
  resolver: benchResolver,
  daemon: benchDaemon,
  cluster: benchCluster,
  docker: benchDocker,
  scale: benchScale,
};

const wanted = Deno.args.length > 0 ? Deno.args : Object.keys(SUBJECTS);
const rows: Row[] = [];
for (const name of wanted) {
  const subject = Object.hasOwn(SUBJECTS, name) ? SUBJECTS[name] : undefined;
  if (!subject) {
    console.error(`Unknown subject "${name}"; known: ${Object.keys(SUBJECTS).join(", ")}`);
    Deno.exit(2);
  }
  console.error(`Measuring ${name} …`);
  rows.push(...await subject());
}
console.log(report(rows));
