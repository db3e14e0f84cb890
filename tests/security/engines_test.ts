/**
 * The enemy is a container's name, or the engine itself. Docker takes what it is asked for as a regular expression, so
 * that a name with dots finds containers of other names, too; and an engine may be any user's.
 */
import assert from "node:assert/strict";
import { Docker } from "../../server/engines/docker/docker.ts";

const OWN = "aa".repeat(32), OTHER = "bb".repeat(32);

Deno.test("a name with dots, or with signs, is that of one container alone", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const path = `${directory}/d.sock`;
  // As Docker (20.10 to 28) lists: each name that the pattern matches anywhere, others first.
  const names = { [OTHER]: ["/axb", "/xa.b", "/a.bx", "/net/a.b"], [OWN]: ["/a.b"] };
  let wanted = "a.b";
  const server = Deno.serve({ path, onListen: () => {} }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname.startsWith("/networks/")) {
      return Response.json({
        Name: "n",
        Containers: { [OWN]: { Name: wanted, EndpointID: "e".repeat(64) } },
      });
    }
    if (pathname === "/info") return Response.json({ DockerRootDir: "/var/lib/docker" });
    const [pattern] = JSON.parse(searchParams.get("filters")!).name as [string];
    return Response.json(
      Object.entries(names).filter(([, all]) => all.some((name) => new RegExp(pattern).test(name)))
        .map(([Id, Names]) => ({ Id, Names })),
    );
  });
  try {
    using docker = new Docker(path);
    const place = { network: "f".repeat(64), endpoint: "e".repeat(64) };
    assert.equal((await docker.containerOf(place, { deadline: 5000 }))?.id, OWN);
    for (const hostile of [".*", "a|b", "(a+)+$", "^/a.b$", "a\\.b"]) {
      wanted = hostile;
      assert.equal(await docker.containerOf(place, { deadline: 5000 }), undefined, hostile);
    }
  } finally {
    await server.shutdown();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("an engine that answers without an end takes no more memory than one that does", async () => {
  const directory = await Deno.makeTempDir({ prefix: "netsvc-test-" });
  const path = `${directory}/d.sock`;
  const chunk = new Uint8Array(1024 * 1024).fill(32);
  let sent = 0;
  const body = () =>
    new ReadableStream({
      pull(controller) {
        sent++;
        controller.enqueue(chunk);
      },
    });
  const server = Deno.serve({ path, onListen: () => {} }, () => new Response(body()));
  try {
    using docker = new Docker(path);
    await assert.rejects(docker.inspect("x"), { code: "unavailable" });
    assert.ok(sent < 100, `${sent} MiB were read`);
  } finally {
    await server.shutdown();
    await Deno.remove(directory, { recursive: true });
  }
});
