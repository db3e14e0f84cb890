/** The manual's sessions are typed as they stand there, and show what they show there. */
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { NETSVC, TestHost } from "../harness/host.ts";
import { startUpstream } from "../harness/upstream.ts";

/** A command of the manual, and what it shows. */
interface Step {
  command: string;
  shown: string[];
}

/** The commands of a file's `console` blocks; of one section alone, where one is named. */
async function stepsOf(file: string, section?: string): Promise<Step[]> {
  const text = await Deno.readTextFile(new URL(`../../docs/${file}`, import.meta.url));
  const wanted = section === undefined
    ? text
    : text.split(/^## /m).find((part) => part.startsWith(`${section}\n`))!;
  const steps: Step[] = [];
  for (const [, block] of wanted.matchAll(/^```console\n([^]*?)^```/gm)) {
    let until: string | undefined;
    for (const line of block!.trimEnd().split("\n")) {
      const last = steps.at(-1)!;
      if (until !== undefined) {
        last.command += `\n${line}`;
        if (line === until) until = undefined;
      } else if (line.startsWith("$ ")) {
        steps.push({ command: line.slice(2), shown: [] });
        until = line.match(/<<'(\w+)'/)?.[1];
      } else last.shown.push(line);
    }
  }
  assert.ok(steps.length > 0, `${file} has a session`);
  return steps;
}

/** A line of the manual as a pattern: `…` is anything, and blanks are blanks. */
function pattern(line: string): RegExp {
  const escaped = line.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("…", ".*").replaceAll(/\s+/g, "\\s+")}\\s*$`);
}

/** Types commands on a host. */
class Session implements AsyncDisposable {
  readonly #host: TestHost;
  readonly #paths: Record<string, string>;
  readonly directory: string;

  private constructor(host: TestHost, directory: string) {
    this.#host = host;
    this.directory = directory;
    this.#paths = {
      "/usr/local/bin/netsvc": `${directory}/bin/installed`,
      "/etc/systemd/system/netsvc.service": `${directory}/unit`,
      "/etc/bash_completion.d/netsvc": `${directory}/completion`,
      "/var/lib/netsvc": host.stateDir,
      "/run/netsvc.sock": host.socket,
      // The machine's own, with the owners of other tests' namespaces.
      "/run/netsvc-namespaces": `${directory}/namespaces`,
      "/run/netsvc": host.runDir,
    };
  }

  static async on(host: TestHost): Promise<Session> {
    const directory = await Deno.makeTempDir({ prefix: "netsvc-manual-" });
    const words = [...NETSVC, "-H", `unix://${host.socket}`].map((word) => `'${word}'`).join(" ");
    await Deno.mkdir(`${directory}/bin`);
    await Deno.mkdir(`${directory}/work`);
    await Deno.writeTextFile(`${directory}/bin/netsvc`, `#!/bin/sh\nexec ${words} "$@"\n`, {
      mode: 0o755,
    });
    await Deno.writeTextFile(`${directory}/work/netsvc.new`, "#!/bin/sh\n");
    return new Session(host, directory);
  }

  async #systemctl(words: string): Promise<void> {
    if (/stop|restart|disable/.test(words)) await this.#host.stop();
    if (/\bstart|restart/.test(words)) await this.#host.start();
  }

  async type({ command, shown }: Step): Promise<void> {
    const service = command.match(/^systemctl (.* netsvc)$/)?.[1];
    if (service !== undefined) return await this.#systemctl(service);
    const here = Object.entries(this.#paths).reduce(
      (text, [path, own]) => text.replaceAll(path, own),
      command,
    );
    const { code, stdout, stderr } = await run(
      ["ip", "netns", "exec", this.#host.namespace.name, "sh", "-c", here],
      {
        cwd: `${this.directory}/work`,
        env: { ...this.#host.env, PATH: `${this.directory}/bin:${Deno.env.get("PATH")}` },
        timeout: 60_000,
      },
    );
    const told = `$ ${command}\n${stdout}${stderr}`;
    const fails = /^curl: \(/.test(shown[0] ?? "");
    // What `timeout` ends (124) has shown all there is to see.
    assert.equal(code !== 0 && !(code === 124 && /\btimeout \d/.test(command)), fails, told);
    let lines = `${stderr}${stdout}`.split("\n");
    for (const line of shown) {
      const own = Object.entries(this.#paths).reduce(
        (text, [path, to]) => text.replaceAll(path, to),
        line,
      );
      const at = lines.findIndex((said) => pattern(own).test(said));
      assert.ok(at >= 0, `the manual shows "${line}"; it was:\n${told}`);
      lines = lines.slice(at + 1);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

Deno.test("docs/tutorial.md works as typed", async (t) => {
  await using host = await TestHost.create();
  await using session = await Session.on(host);
  for (const step of await stepsOf("tutorial.md")) {
    await t.step(step.command.split("\n")[0]!, () => session.type(step));
  }
  assert.equal(await host.ok("container", "ls", "-q"), "");
  assert.equal(await host.ok("service", "ls", "-q"), "");
});

Deno.test("docs/operating.md: upgrade, backup, traffic, wiping everything", async (t) => {
  await using host = await TestHost.create({ stopped: true });
  // A resolver of the host's: the doctor is to be content.
  await host.namespace.ip(
    "link add up0 type bridge",
    "addr add 10.99.0.53/24 dev up0",
    "link set up0 up",
    "route add default via 10.99.0.1",
  );
  const upstream = startUpstream(host.namespace.path, "10.99.0.53");
  try {
    await host.setResolvConf("nameserver 10.99.0.53\n");
    await host.start();
    await using session = await Session.on(host);
    const type = async (section: string, steps: Step[]) => {
      for (const step of steps) {
        await t.step(`${section}: ${step.command}`, () => session.type(step));
      }
    };
    const all = async (section: string) =>
      await type(section, await stepsOf("operating.md", section));
    await host.ok("network", "create", "front");
    await host.ok("service", "publish", "idle.front");
    await host.ok(
      ...["run", "-d", "--name", "shop", "--publish-service", "shop.front", "-p", "18080:80"],
      ...["--", "sleep", "1000"],
    );
    await all("Upgrade");

    const steps = await stepsOf("operating.md", "Backup and restore");
    const cut = steps.findIndex(({ command }) => command.startsWith("rm ")) - 1;
    await type("Backup", steps.slice(0, cut));
    const before = await host.ok("service", "ls", "--no-trunc");
    await host.ok("network", "create", "later");
    await host.ok("service", "unpublish", "idle.front");
    await type("Restore", steps.slice(cut));
    assert.equal(await host.ok("service", "ls", "--no-trunc"), before);
    assert.doesNotMatch(await host.ok("network", "ls"), /later/);
    assert.equal(await host.ok("exec", "shop", "--", "cat", "/etc/hostname"), "shop");

    await all("Looking at traffic");
    await all("Wiping everything");
    const links = JSON.parse(await host.namespace.ok(["ip", "-j", "link"]));
    assert.deepEqual(links.map(({ ifname }: { ifname: string }) => ifname), ["lo", "up0"]);
    assert.equal((await host.namespace.ok(["nft", "list", "ruleset"])).trim(), "");
    for (const path of [host.stateDir, host.runDir]) {
      await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
    }
  } finally {
    upstream.close();
  }
});
