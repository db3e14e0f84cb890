/** What the environment of daemon and client does, and where it goes. */
import assert from "node:assert/strict";
import { readFileSync } from "../../lib/linux/libc.ts";
import { NETSVC, TestHost } from "../harness/host.ts";
import { run } from "../harness/command.ts";

Deno.test("libraries that the environment loads are no matter, and the daemon's environment is nobody's", async () => {
  const secret = "a-password-of-the-store";
  const env = {
    ...{ LD_LIBRARY_PATH: "/usr/lib", LD_PRELOAD: "libm.so.6", LD_AUDIT: "", LD_DEBUG: "" },
    ...{ DYLD_LIBRARY_PATH: "/x", NETSVC_KV_PASSWORD: secret, LANG: "de_DE.UTF-8" },
  };
  await using host = await TestHost.create({ env });
  await host.ok("network", "create", "foo");
  await host.ok("run", "-d", "--name", "a", "--net", "foo", "--", "sleep", "1000");
  assert.equal(
    await host.ok("run", "--rm", "--net", "foo", "--", "sh", "-c", "echo $LD_PRELOAD"),
    "",
  );
  assert.equal(await host.ok("exec", "a", "--", "sh", "-c", "echo $NETSVC_KV_PASSWORD"), "");
  // What is empty says nothing.
  const empty = { NETSVC_HOST: "", NETSVC_TOKEN_FILE: "", NETSVC_TLS_CA: "" };
  const asked = await host.run(["network", "ls", "-q"], { env: empty });
  assert.equal(asked.code, 0, asked.stderr);
  const there = await run([...NETSVC, "network", "ls"], { env: { NETSVC_HOST: "" } });
  assert.doesNotMatch(there.stderr, /Invalid host/);
  // A container's own is its own.
  assert.equal(
    await host.ok("exec", "-e", "LD_PRELOAD=libm.so.6", "a", "--", "printenv", "LD_PRELOAD"),
    "libm.so.6",
  );
  // Nobody has it: neither what started the container, nor its init, nor the tools that stay.
  const own = (await run(["pgrep", "-f", host.directory])).stdout.trim().split("\n").map(Number);
  const children = (await run(["pgrep", "-P", String(host.pid)])).stdout.trim().split("\n").map(
    Number,
  );
  const others = [...own, ...children].filter((pid) =>
    pid > 0 && pid !== host.pid && pid !== Deno.pid
  );
  assert.ok(others.length >= 3, "the chain of a container, and what stays with the daemon");
  for (const pid of others) {
    let text = "";
    try {
      text = readFileSync(`/proc/${pid}/environ`);
    } catch {
      continue; // It was pgrep itself.
    }
    assert.doesNotMatch(text, /LD_|a-password/, `${pid}`);
  }
  assert.doesNotMatch(await host.ok("exec", "a", "--", "cat", "/proc/1/environ"), /a-password/);
});

Deno.test("what can't be written is told in one line", async () => {
  const { code, stderr } = await run(["sh", "-c", '"$@" >/dev/full', "sh", ...NETSVC, "--help"]);
  assert.equal(code, 1);
  assert.match(stderr, /^netsvc: Cannot write to standard output: No space left on device.*\n$/);
});

Deno.test("a fault that nobody foresaw is told in one line, its place only when asked for", async () => {
  const program = `
    import { main } from "${new URL("../../cli/program.ts", import.meta.url)}";
    Deno.exit(await main(Deno.args, { daemon: () => Promise.reject(new TypeError("a\\nb")) }));
  `;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const fault = (...words: string[]) =>
    run([Deno.execPath(), "run", "-A", "--config", config, "-", "-d", ...words], {
      stdin: program,
    });
  const plain = await fault();
  assert.equal(plain.code, 1);
  assert.match(plain.stderr, /^netsvc: .*own fault: a; b; run it with -D.*\n$/);
  assert.match((await fault("-D")).stderr, /^netsvc: .*\n(.*\n)* +at /);
});

Deno.test("proxies of the environment don't stand between netsvc and whom it speaks to", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      asked.push(new URL(request.url).pathname);
      return Response.json([]);
    },
  );
  const nowhere = "http://127.0.0.1:9";
  const { code, stderr } = await run(
    [...NETSVC, "-H", `tcp://127.0.0.1:${server.addr.port}`, "network", "ls"],
    { env: { HTTP_PROXY: nowhere, http_proxy: nowhere, ALL_PROXY: nowhere, NO_PROXY: "" } },
  );
  assert.equal(stderr, "");
  assert.equal(code, 0);
  assert.equal(asked.length, 1);
});

Deno.test("a machine without nft is told so last, once, and goes on", async () => {
  await using host = await TestHost.create({ stopped: true });
  const bin = `${host.directory}/bin`;
  await run([
    "sh",
    "-c",
    'mkdir "$1" && ln -s /usr/sbin/* /usr/bin/* "$1" 2>/dev/null; rm "$1/nft"',
    "sh",
    bin,
  ]);
  host.env.PATH = bin;
  await host.start();
  const last = host.log().trimEnd().split("\n").at(-1)!;
  assert.match(
    last,
    /Started, but can't make networks: there is no nft\. .*apt-get install nftables/,
  );
  assert.doesNotMatch(host.log(), /entity not found/);
  await host.fails(
    1,
    /"nft" is missing; install it: apt-get install nftables/,
    "network",
    "create",
    "foo",
  );
  assert.match(await host.ok("network", "ls"), /bridge/);
});
