import assert from "node:assert/strict";
import { commandLine, problem } from "../../tests/harness/command_line.ts";

const ID = "a".repeat(64);

Deno.test("network create asks for what the words say, and prints the id alone", async () => {
  const words =
    "network create -d overlay --subnet 10.1.0.0/16 --gateway 10.1.0.1 --internal -o mtu=1400 --label a=b prod";
  const { asked, stdout, code } = await commandLine(
    words.split(" "),
    () => ({ id: ID, warnings: [] }),
  );
  assert.equal(code, 0);
  assert.equal(stdout, `${ID}\n`);
  assert.equal(asked[0]!.what, "POST /networks");
  const { name, driver, subnets, gateways, internal, options, labels } = asked[0]!.body as Record<
    string,
    unknown
  >;
  assert.deepEqual({ name, driver, subnets, gateways, internal, options, labels }, {
    name: "prod",
    driver: "overlay",
    subnets: ["10.1.0.0/16"],
    gateways: ["10.1.0.1"],
    internal: true,
    options: { mtu: "1400" },
    labels: { a: "b" },
  });
});

Deno.test("a mistake in the words asks nothing", async () => {
  for (
    const words of [
      "network create",
      "network create -o =x n",
      "network create --nosuch n",
      "network crate n",
    ]
  ) {
    const { asked, stderr, code } = await commandLine(words.split(" "), () => ({}));
    assert.deepEqual(asked, [], words);
    assert.equal(code, 2, words);
    assert.match(stderr, /^netsvc: [^\n]+\n$/, words);
  }
});

Deno.test("network rm goes on past a failure, and ends with its status", async () => {
  const { asked, stdout, stderr, code } = await commandLine(
    ["network", "rm", "-f", "a", "b"],
    (what) =>
      what.includes("/a?")
        ? problem(404, "not_found", `No such network "a"`)
        : { name: "b", cut: [] },
  );
  assert.deepEqual(asked.map(({ what }) => what), [
    "DELETE /networks/a?force=true",
    "DELETE /networks/b?force=true",
  ]);
  assert.match(stderr, /No such network "a"/);
  assert.notEqual(stdout, "");
  assert.equal(code, 1);
});
