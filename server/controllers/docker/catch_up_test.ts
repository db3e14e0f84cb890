import assert from "node:assert/strict";
import { TinyEngine } from "../../../tests/harness/tiny_engine.ts";
import { Docker } from "../../engines/docker/docker.ts";
import { CatchUp } from "./catch_up.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

/** Containers A and B are wished for, C only follows a service; the engine has A alone. */
function subject(docker: Docker, failing?: string) {
  const done: string[] = [];
  const note = (what: string) => (id: string) => {
    done.push(`${what} ${id[0]}`);
    return id === failing ? Promise.reject(new Error("fails")) : Promise.resolve();
  };
  const catchUp = new CatchUp({
    engine: docker,
    desired: {
      ids: () => [A, B, "c"],
      networks: (id) => id === "c" ? undefined : { mode: "net", endpoints: [] },
    },
    labels: {
      adopt: () => Promise.resolve(void done.push("labels")),
      networks: ({ Id }) => Promise.resolve(void done.push(`label ${Id[0]}`)),
    },
    starts: { started: note("started"), removed: note("removed") },
    locks: { docker: (_, action) => action({} as never) },
  });
  return { catchUp, done };
}

Deno.test("a gap looks at all that clients of Docker's put on networks, and at no others", async () => {
  await using engine = new TinyEngine();
  engine.containers.push({ id: A, name: "web" });
  using docker = new Docker(engine.socket);
  const { catchUp, done } = subject(docker, A);
  await catchUp.after({ type: "gap" });
  assert.deepEqual(done, ["labels", "label a", "started a", "removed b"]);
});

Deno.test("one that ends is forgotten when it is gone, and only then", async () => {
  await using engine = new TinyEngine();
  engine.containers.push({ id: A, name: "web" });
  using docker = new Docker(engine.socket);
  const { catchUp, done } = subject(docker);
  for (const id of [A, B, "c"]) await catchUp.after({ type: "die", id });
  assert.deepEqual(done, ["removed b"]);
});

Deno.test("an engine that is away has removed nothing", async () => {
  using docker = new Docker("/nowhere/docker.sock");
  const { catchUp, done } = subject(docker);
  await catchUp.after({ type: "die", id: A });
  await catchUp.after({ type: "start", id: A });
  assert.deepEqual(done, []);
});
