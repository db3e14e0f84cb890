/**
 * A hundred containers attached at once, and removed at once, beside the same links made and deleted by
 * bare `ip` calls.
 *
 * @module
 */
import { Client } from "../cli/client/client.ts";
import { TestHost } from "../tests/harness/host.ts";
import { ipBatch, vethLines } from "./ip_batch.ts";
import { interleave, type Row, spread } from "./measure.ts";
import { Settler } from "./settle.ts";

const CONTAINERS = 100, ROUNDS = 6;
/** Bare processes beside each other: more than cores are no quicker. */
const BESIDE = 4;
/** Group of the floor's links, by which they are deleted together. */
const GROUP = 77;

/** Runs the rounds. */
export async function benchAtOnce(): Promise<Row[]> {
  await using host = await TestHost.create();
  using client = new Client({ host: `unix://${host.socket}` });
  await using settler = new Settler(host.namespace.path);
  const home = host.namespace.path;
  const { id } = await client.networks.create({ name: "net" });
  const bridge = `nsb${id.slice(0, 12)}`;
  const numbers = Array.from({ length: CONTAINERS }, (_, n) => n);
  const sandboxes: string[] = [];
  const createAll = async () => {
    sandboxes.length = 0;
    for (const n of numbers) {
      const { sandbox } = await client.containers.create({ name: `c${n}` });
      sandboxes.push(sandbox!);
    }
  };
  const removeAll = () => Promise.all(numbers.map((n) => client.containers.remove(`c${n}`, true)));
  const attachAll = () =>
    Promise.all(numbers.map((n) => client.services.attach(`s${n}.net`, { container: `c${n}` })));
  for (const n of numbers) await client.services.publish({ name: `s${n}`, network: "net" });

  const bareAttach = async () => {
    const lines = numbers.map((n) =>
      vethLines({
        ...{ name: `x${n}`, bridge, sandbox: sandboxes[n]! },
        address: `10.250.0.${n + 2}/24`,
      })
    );
    await ipBatch(
      home,
      lines.flatMap(({ host }, n) => [...host, `link set dev x${n} group ${GROUP}`]),
    );
    const rest = [...numbers];
    await Promise.all(Array.from({ length: BESIDE }, async () => {
      for (let n = rest.pop(); n !== undefined; n = rest.pop()) {
        await ipBatch(sandboxes[n]!, lines[n]!.inside);
      }
    }));
  };
  const bareRemove = () => ipBatch(home, [`link del group ${GROUP}`]);
  const attached = await interleave(ROUNDS, settler.settle, {
    own: { before: createAll, run: attachAll, after: removeAll },
    floor: {
      before: createAll,
      run: bareAttach,
      after: async () => {
        await bareRemove();
        await removeAll();
      },
    },
  });
  const removed = await interleave(ROUNDS, settler.settle, {
    own: {
      before: async () => {
        await createAll();
        await attachAll();
      },
      run: removeAll,
    },
    floor: {
      before: async () => {
        await createAll();
        await bareAttach();
      },
      run: bareRemove,
      after: removeAll,
    },
  });
  return [
    {
      ...{ what: `${CONTAINERS} attaches at once`, unit: "ms", limit: 300 },
      ...spread(attached.own, attached.floor),
      floorIs: "one ip -batch in the host and one in each sandbox, four beside each other",
    },
    {
      ...{ what: `${CONTAINERS} containers removed at once`, unit: "ms", limit: 200 },
      ...spread(removed.own, removed.floor),
      floorIs: "one bare ip link del of all links as a group; the containers aren't in it",
    },
  ];
}
