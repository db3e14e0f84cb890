import assert from "node:assert/strict";
import { commandLine } from "../../tests/harness/command_line.ts";

const TOKEN = {
  id: "0123456789abcdef",
  token: "nsj1.x",
  created: "2026-01-01T00:00:00.000Z",
  expires: "2026-01-08T00:00:00.000Z",
  uses: 2,
};
const HOST = {
  id: "a".repeat(64),
  name: "one",
  address: "10.0.0.1",
  self: true,
  role: "voter",
  status: "up",
  store: "leader",
  keysUntil: "2199-01-01T00:00:00.000Z",
  lastSeen: 0,
};
const OTHER = { id: "b".repeat(64), name: "two", self: false, role: "client", status: "up" };
const TROUBLE = {
  severity: "warning",
  message: "This host can't vote: no etcd",
  remedy: "Do that",
};

const answer = (hosts: unknown[], troubles: unknown[] = []) => (what: string) => {
  if (what === "GET /cluster") return { id: "c".repeat(64), ready: true, hosts };
  if (what === "GET /cluster/troubles") return troubles;
  if (what === "GET /cluster/tokens") return [TOKEN];
  if (what === "POST /cluster/tokens") return TOKEN;
  return { id: "c".repeat(64), hosts: 2, voters: 1 };
};

/** Wrong words, and what names them and says what would be right. */
const WRONG: [words: string, said: RegExp][] = [
  ["token create --ttl 1x", /--ttl "1x"; write a duration like 30m, 1h or 7d, from 1m to 30d/],
  ["token create --ttl 59s", /--ttl "59s"; .* from 1m to 30d/],
  ["token create --ttl 31d", /--ttl "31d"; .* from 1m to 30d/],
  ["token create --ttl 99999999999999999999d", /--ttl "9+d"; .* from 1m to 30d/],
  ["token create --ttl -1h", /--ttl "-1h"; .* from 1m to 30d/],
  ["init --ttl 0m", /--ttl "0m"; .* from 1m to 30d/],
  ["init --ttl", /--ttl/],
  ["token create --uses 0", /--uses "0"; write a number of hosts, from 1 to 1000/],
  ["token create --uses 1001", /--uses "1001"; .*from 1 to 1000/],
  ["token create --uses 1.5", /--uses "1.5"; .*from 1 to 1000/],
  ["token create --uses many", /--uses "many"; .*from 1 to 1000/],
  ["init --uses 1e3", /--uses "1e3"; .*from 1 to 1000/],
  ["join", /TOKEN/i],
  ["join a b", /b/],
  ["init a", /a/],
  ["token rm", /TOKEN-ID/i],
  ["backup", /FILE/i],
  ["restore", /FILE/i],
  ["status --format nonsense", /nonsense/],
  ["status -f role=voter", /role/],
  ["token ls -f a=b", /filter.*a/],
  ["bogus", /bogus/],
  ["recover", /--yes/],
];

Deno.test("wrong words are refused in one line that names them, and nobody is asked", async () => {
  for (const [words, said] of WRONG) {
    const { code, stderr, asked } = await commandLine(["cluster", ...words.split(" ")], () => null);
    assert.notEqual(code, 0, words);
    assert.match(stderr, said, words);
    assert.match(stderr, /^netsvc: [^\n]+\n$/, words);
    assert.deepEqual(asked, [], words);
  }
});

Deno.test("the limits of a token's time and uses are taken", async () => {
  for (const [ttl, seconds] of [["1m", 60], ["30d", 2_592_000], ["1d12h", 129_600]] as const) {
    const words = ["cluster", "token", "create", "--ttl", ttl, "--uses", "1000"];
    const { asked, stdout } = await commandLine(words, answer([]));
    assert.deepEqual(asked[0]!.body, { ttl: seconds, uses: 1000 });
    assert.match(stdout, /^Add up to 2 hosts within 7 days:\n {4}netsvc cluster join nsj1\.x\n$/);
  }
});

Deno.test("status has when hosts were heard of, and below the table what is wrong", async () => {
  const hosts = [HOST, { ...OTHER, lastSeen: 2_000 }, { ...OTHER, name: "three" }, {
    ...OTHER,
    name: "four",
    status: "down",
    lastSeen: 7_000,
  }];
  const { stdout, stderr } = await commandLine(["cluster", "status"], answer(hosts, [TROUBLE]));
  const last = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/).at(-1));
  assert.deepEqual(last, ["LAST SEEN", "now", "2.0 s", "–", "down"]);
  assert.equal(stderr, "netsvc: This host can't vote: no etcd. Do that\n");
});

Deno.test("JSON has all of a host and of a token, and asks for nothing more", async () => {
  const status = await commandLine(["cluster", "status", "--format", "json"], answer([HOST]));
  assert.deepEqual(JSON.parse(status.stdout), [HOST]);
  assert.deepEqual(status.asked.map(({ what }) => what), ["GET /cluster"]);
  const tokens = await commandLine(["cluster", "token", "ls", "--format", "json"], answer([]));
  assert.deepEqual(JSON.parse(tokens.stdout), [TOKEN]);
});

Deno.test("join says what will trouble this host, once it is in", async () => {
  const words = ["cluster", "join", "nsj1.x"];
  const { stdout, stderr, code } = await commandLine(words, answer([], [TROUBLE]));
  assert.equal(code, 0);
  assert.equal(stdout, "Joined cluster cccccccc: 2 hosts, 1 voter.\n");
  assert.equal(stderr, "netsvc: This host can't vote: no etcd. Do that\n");
});
