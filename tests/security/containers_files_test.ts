/**
 * Containers that another program runs put something else in the place of their `resolv.conf` and
 * `hosts`: the daemon, which is root, is neither led to other files, nor held up, nor misled about what
 * it has to give back.
 */
import assert from "node:assert/strict";
import { ok, run, spawn, until } from "../harness/command.ts";
import { telling } from "../harness/docker_plugin.ts";
import { TestHost } from "../harness/host.ts";

/** A process with a network, mounts and, unless it is root, users of its own. */
class Prisoner implements AsyncDisposable {
  private constructor(
    readonly child: Deno.ChildProcess,
    readonly pid: number,
    readonly root: boolean,
  ) {}

  /** @param script runs in it, with `/etc` its own; then it sleeps */
  static async create(script: string, { root = false } = {}): Promise<Prisoner> {
    const unshare = root ? ["unshare", "-nm"] : ["unshare", "-Urnm"];
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const words = "mount -t tmpfs none /etc && echo nameserver 192.0.2.1 > /etc/resolv.conf && " +
      `echo "127.0.0.1 localhost" > /etc/hosts && { ${script}; } && exec sleep 1000`;
    const child = spawn([...root ? [] : nobody, ...unshare, "sh", "-c", words], {
      stdin: "null",
    });
    await until(
      "it sleeps",
      async () => (await run(["cat", `/proc/${child.pid}/comm`])).stdout.trim() === "sleep",
    );
    return new Prisoner(child, child.pid, root);
  }

  /** Runs a script inside. */
  inside(script: string): Promise<string> {
    const user = this.root ? [] : ["--user", "--setuid=0", "--setgid=0"];
    return ok(["nsenter", `--target=${this.pid}`, ...user, "--mount", "sh", "-c", script]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }
}

/** Flips `/etc/hosts` between a file and a link, thousands of times a second (renameat2(2), RENAME_EXCHANGE). */
const FLIP = `import ctypes, os, sys, time
libc = ctypes.CDLL(None)
os.symlink(sys.argv[1], "/etc/link")
end = time.time() + 60
while time.time() < end:
    libc.renameat2(-100, b"/etc/hosts", -100, b"/etc/link", 2)
    time.sleep(0.0001)
`;

/** Mounts a file system on /etc that never answers (fuse(4)). */
const SILENT_FUSE = `import ctypes, os, time
time.sleep(0.5)
fd = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if ctypes.CDLL(None, use_errno=True).mount(b"none", b"/etc", b"fuse", 0, options.encode()) != 0:
    raise OSError(ctypes.get_errno(), "mount")
time.sleep(60)
`;

Deno.test("a container's files lead the daemon nowhere", async (t) => {
  await using host = await TestHost.create();
  const step = (name: string, action: () => Promise<void>) => t.step(name, telling(action, host));
  const secret = `${host.directory}/secret`;
  await Deno.writeTextFile(secret, "only root's\n", { mode: 0o600 });
  await Deno.writeTextFile(`${host.directory}/flip.py`, FLIP);
  await Deno.writeTextFile(`${host.directory}/fuse.py`, SILENT_FUSE);
  await ok(["chmod", "755", host.directory]);
  const python = "/usr/bin/python3";
  await host.ok("network", "create", "net");
  await host.ok(..."run -d --name other --net net -- sleep 1000".split(" "));
  /** Everybody else's names and the API go on. */
  const goesOn = async () => {
    const begun = performance.now();
    await host.ok("network", "ls");
    const dig = ["dig", "@127.0.0.11", "+time=1", "+tries=1", "+short", "other.net"];
    assert.notEqual((await host.inside("other", dig)).stdout, "");
    assert.ok(performance.now() - begun < 2_000, "nobody waits");
  };
  /** Attaches it, and detaches it after an action. */
  const attached = async ({ pid }: Prisoner, action: () => Promise<void>) => {
    await host.ok("service", "publish", "prey.net");
    await host.ok("service", "attach", `pid:${pid}`, "prey.net");
    await action();
    await host.ok("service", "detach", `pid:${pid}`, "prey.net");
    await host.ok("service", "unpublish", "prey.net");
  };

  await step("plain files of a user's container are taken, and given back", async () => {
    await using prisoner = await Prisoner.create("true");
    const files = () =>
      prisoner.inside("cat /etc/resolv.conf /etc/hosts; stat -c %a:%u /etc/hosts");
    const before = await files();
    await attached(prisoner, async () => {
      assert.match(await files(), /^nameserver 127\.0\.0\.11$/m);
      assert.match(await files(), /# netsvc begins\n[\d.]+\t/);
    });
    assert.equal(await files(), before);
  });

  for (const root of [false, true]) {
    const who = root ? "root's" : "a user's";
    for (
      const [what, script, why] of [
        [
          "a link out",
          `ln -sf ${secret} /etc/hosts; ln -sf ${secret} /etc/resolv.conf`,
          /is a link/,
        ],
        ["a link to /proc", "ln -sf /proc/sys/kernel/domainname /etc/hosts", /is a link/],
        ["a directory", "rm /etc/hosts; mkdir /etc/hosts", /is a directory/],
        [
          "a pipe",
          "rm /etc/hosts /etc/resolv.conf; mkfifo /etc/hosts /etc/resolv.conf",
          /is a pipe/,
        ],
        [
          "a file of /proc",
          "mount --bind /proc/self/comm /etc/hosts",
          /is on a file system of the kind proc/,
        ],
        ...root
          ? [["a device", "rm /etc/hosts; mknod /etc/hosts c 1 3", /is a device/] as const]
          : [],
      ] as const
    ) {
      await step(`${what} in ${who} container`, async () => {
        await using prisoner = await Prisoner.create(script, { root });
        const domain = await Deno.readTextFile("/proc/sys/kernel/domainname");
        await attached(prisoner, goesOn);
        assert.equal(await Deno.readTextFile(secret), "only root's\n");
        assert.equal(await Deno.readTextFile("/proc/sys/kernel/domainname"), domain);
        assert.match(host.log(), new RegExp(`pid:${prisoner.pid}.*"/etc/hosts" ${why.source}`));
      });
    }
  }

  await step("a link that flips", async () => {
    for (const root of [false, true]) {
      const script =
        `${python} ${host.directory}/flip.py ${secret} & echo $! > /etc/flip; sleep 0.3`;
      await using prisoner = await Prisoner.create(script, { root });
      for (let i = 0; i < 3; i++) await attached(prisoner, async () => {});
      await prisoner.inside("kill $(cat /etc/flip)");
      assert.equal(await Deno.readTextFile(secret), "only root's\n");
      const seen = await prisoner.inside("find /etc -type f -exec cat {} +");
      assert.doesNotMatch(seen, /only root's/);
    }
  });

  await step("a file system that never answers", async () => {
    const script = `${python} ${host.directory}/fuse.py > /dev/null 2>&1 &`;
    await using prisoner = await Prisoner.create(`${script} true`, { root: true });
    await until(
      "it is mounted",
      async () => (await ok(["cat", `/proc/${prisoner.pid}/mounts`])).includes(" /etc fuse "),
    );
    const attaching = attached(prisoner, goesOn);
    for (let i = 0; i < 5; i++) await goesOn();
    await attaching;
    assert.match(host.log(), new RegExp(`pid:${prisoner.pid}.*it does not answer within`));
    // Its names are served when the daemon is back, too, and the daemon is.
    await host.ok("service", "publish", "prey.net");
    await host.ok("service", "attach", `pid:${prisoner.pid}`, "prey.net");
    await host.stop("SIGKILL");
    await host.start();
    await goesOn();
    await host.ok("service", "detach", `pid:${prisoner.pid}`, "prey.net");
    await host.ok("service", "unpublish", "prey.net");
  });

  await step("it is changed to something else while it is attached", async () => {
    await using prisoner = await Prisoner.create("true");
    await attached(prisoner, async () => {
      await prisoner.inside(
        `rm /etc/hosts /etc/resolv.conf; mkfifo /etc/hosts; ln -s ${secret} /etc/resolv.conf`,
      );
      await host.stop("SIGKILL");
      await host.start();
      await goesOn();
    });
    assert.equal(await Deno.readTextFile(secret), "only root's\n");
  });

  await step("what a crash has left of a file isn't what it was before", async () => {
    await using prisoner = await Prisoner.create("true");
    const before = await prisoner.inside("cat /etc/resolv.conf");
    await attached(prisoner, async () => {
      await host.stop("SIGKILL");
      await prisoner.inside(": > /etc/resolv.conf");
      await host.start();
      await until(
        "it is taken again",
        async () => (await prisoner.inside("cat /etc/resolv.conf")).includes("127.0.0.11"),
      );
    });
    assert.equal(await prisoner.inside("cat /etc/resolv.conf"), before);
  });

  await step("a link in /etc/netns", async () => {
    const name = host.namespace.name + "x", directory = `/etc/netns/${name}`;
    await ok(["ip", "netns", "add", name]);
    try {
      await Deno.mkdir(directory, { recursive: true });
      for (const file of ["resolv.conf", "hosts"]) {
        await Deno.symlink(secret, `${directory}/${file}`);
      }
      await host.ok("service", "publish", "prey.net");
      await host.ok("service", "attach", `netns:/run/netns/${name}`, "prey.net");
      await host.ok("service", "detach", `netns:/run/netns/${name}`, "prey.net");
      await host.ok("service", "unpublish", "prey.net");
      assert.equal(await Deno.readTextFile(secret), "only root's\n");
      assert.match(host.log(), new RegExp(`"${directory}/resolv.conf" is a link`));
    } finally {
      await ok(["ip", "netns", "del", name]);
      await Deno.remove(directory, { recursive: true });
    }
  });
});
