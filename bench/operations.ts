/**
 * `network create`, `rm` and `ls`, `service publish`, `attach` and `detach` by a plain client of the API,
 * beside the bare `ip` calls that make and delete the same links.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { ipBatch, vethLines } from "./ip_batch.ts";
import { interleave, type Row, type Side, spread } from "./measure.ts";
import { Settler } from "./settle.ts";

const ROUNDS = 30;
const TWO = "two bare ip -batch calls";
const AT_MOST = { ratio: 0.8, kind: "most" } as const;

/** Runs the rounds. */
export async function benchOperations(): Promise<Row[]> {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  await using settler = new Settler(host.namespace.path);
  const home = host.namespace.path;
  const { id } = await client.networks.create({ name: "net" });
  const sandbox = (await client.containers.create({ name: "box" })).sandbox!;
  await client.services.publish({ name: "s", network: "net" });
  const bridge = `nsb${id.slice(0, 12)}`;
  const attach = () => client.services.attach("s.net", { container: "box" });
  const detach = () => client.services.detach("s.net", { container: "box" });
  const bareVeth = async (round: number) => {
    const lines = vethLines({ name: `x${round}`, bridge, sandbox });
    await ipBatch(home, lines.host);
    await ipBatch(sandbox, lines.inside);
  };
  const bareVethGone = (round: number) => ipBatch(home, [`link del x${round}`]);
  const bareBridge = async (round: number) => {
    await ipBatch(home, [`link add name y${round} type bridge stp_state 0 forward_delay 0`]);
    await ipBatch(home, [
      `link set dev y${round} alias floor up`,
      `addr replace 10.252.0.1/24 dev y${round}`,
    ]);
  };
  const bareBridgeGone = (round: number) => ipBatch(home, [`link del y${round}`]);
  const create = (round: number) => client.networks.create({ name: `n${round}` });
  const remove = (round: number) => client.networks.remove(`n${round}`, false);
  const request: Side = {
    run: async () => await (await client.fetch("GET", "/healthz")).text(),
  };
  const compared: (Pick<Row, "what" | "floorIs" | "target"> & { own: Side; floor: Side })[] = [
    {
      what: "network create (API)",
      own: { run: create, after: remove },
      floor: { run: bareBridge, after: bareBridgeGone },
      floorIs: TWO,
      target: AT_MOST,
    },
    {
      what: "network rm (API)",
      own: { before: create, run: remove },
      floor: { before: bareBridge, run: bareBridgeGone },
      floorIs: "one bare ip link del of a bridge; both wait for the kernel to take it apart",
    },
    {
      what: "service attach (API)",
      own: { run: attach, after: detach },
      floor: { run: bareVeth, after: bareVethGone },
      floorIs: TWO,
      target: AT_MOST,
    },
    {
      what: "service detach (API)",
      own: { before: attach, run: detach },
      floor: { before: bareVeth, run: bareVethGone },
      floorIs: "one bare ip link del, which waits some 20 ms longer than the link is there",
      target: AT_MOST,
    },
    {
      what: "service publish (API)",
      own: {
        run: (round) => client.services.publish({ name: `p${round}`, network: "net" }),
        after: (round) => client.services.unpublish(`p${round}.net`, false),
      },
      floor: request,
      floorIs: "GET /healthz of the same daemon",
    },
    {
      what: "network ls (API)",
      own: { run: () => client.networks.list() },
      floor: request,
      floorIs: "GET /healthz of the same daemon",
    },
  ];
  const rows: Row[] = [];
  for (const { what, own, floor, floorIs, target } of compared) {
    const times = await interleave(ROUNDS, settler.settle, { own, floor });
    rows.push({
      ...{ what, unit: "ms" },
      ...spread(times.own, times.floor),
      ...floorIs !== undefined && { floorIs },
      ...target && { target },
    });
  }
  return rows;
}
