/**
 * `docker-compose up -d` and `down` of five services on two networks: through netsvc, beside plain dockerd.
 *
 * @module
 */
import { ok } from "../tests/harness/command.ts";
import { TestDocker } from "../tests/harness/docker.ts";
import { TestHost } from "../tests/harness/host.ts";
import { interleave, type Row, spread, time } from "./measure.ts";
import { residentMiB, settledMemory } from "./memory.ts";
import { Settler } from "./settle.ts";

const ROUNDS = 4;

const PROJECT = `
version: "3.7"
x-box: &box { image: box, command: sleep 1000, stop_grace_period: 1s }
services:
  db: { <<: *box, networks: [back] }
  cache: { <<: *box, networks: [back] }
  api: { <<: *box, networks: [back, front], depends_on: [db, cache] }
  web: { <<: *box, networks: [front], ports: ["8081:80"], depends_on: [api] }
  proxy: { <<: *box, networks: [front], ports: ["8082:80"], depends_on: [web] }
networks: { back: {}, front: {} }
`;

/** Runs the rounds. */
export async function benchCompose(): Promise<Row[]> {
  // The engine under test comes without its proxy; plain dockerd is the quicker for it.
  await using engine = await TestDocker.create({ flags: ["--userland-proxy=false"] });
  await using host = await TestHost.create({
    flags: ["--docker-socket", engine.socket],
    sharedMounts: true,
  });
  await using settler = new Settler(host.namespace.path);
  const directory = `${host.directory}/project`;
  await Deno.mkdir(directory);
  await Deno.writeTextFile(
    `${directory}/docker-compose.yml`,
    PROJECT,
  );
  const { Server } = JSON.parse(await engine.ok("version", "--format", "{{json .}}"));
  const compose = (socket: string, project: string, ...words: string[]) =>
    ok(["docker-compose", "--project-name", project, ...words], {
      cwd: directory,
      timeout: 120_000,
      env: { DOCKER_HOST: `unix://${socket}`, COMPOSE_API_VERSION: "1.41" },
    });
  const side = (socket: string, project: string) => ({
    up: () => compose(socket, project, "up", "-d"),
    down: () => compose(socket, project, "down", "-t", "0"),
  });
  const own = side(host.socket, "own");
  const plain = side(engine.socket, "plain");
  const down: Record<"own" | "floor", number[]> = { own: [], floor: [] };
  const both = (which: keyof typeof down, { up, down: end }: typeof own) => ({
    run: up,
    after: async (round: number) => {
      await settler.settle();
      const took = await time(end);
      if (round > 0) down[which].push(took);
    },
  });
  const up = await interleave(ROUNDS, settler.settle, {
    own: both("own", own),
    floor: both("floor", plain),
  });
  const memory = await settledMemory(host.pid);
  const floorIs = `plain dockerd, API ${Server.ApiVersion}, same command`;
  return [
    {
      ...{ what: "docker-compose up -d, 5 services", unit: "ms" },
      ...spread(up.own, up.floor),
      floorIs,
      target: { ratio: 0.95, kind: "most" },
    },
    {
      ...{ what: "docker-compose down", unit: "ms" },
      ...spread(down.own, down.floor),
      floorIs,
    },
    {
      what: "memory of the daemon half a minute after it",
      unit: "MiB",
      median: memory.all,
      limit: 90,
      floor: residentMiB(engine.pid),
      floorIs: `dockerd alone, without containerd and its shims; the daemon's own ${
        memory.own.toFixed(0)
      }, of files ${memory.files.toFixed(0)}`,
    },
  ];
}
