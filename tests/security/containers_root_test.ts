/**
 * A container with a root of its own (`run --rootfs`) stays in it, whatever its root's user does and
 * whatever lies in the directory; and what a container is given is nobody else's to read.
 */
import assert from "node:assert/strict";
import { ok, run, until } from "../harness/command.ts";
import { telling } from "../harness/docker_plugin.ts";
import { TestHost } from "../harness/host.ts";

/** Capabilities of Docker's containers, as /proc/PID/status shows them. */
const DOCKERS = "00000000a80425fb";
/** Devices that harm nobody, and what else is in /dev. */
const DEV = [
  ...["console", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin"],
  ...["stdout", "tty", "urandom", "zero"],
];

/** Leaves a chroot by the oldest way there is, and says what it sees then (chroot(2)). */
const ESCAPE =
  "mkdir -p /x; cd /; chroot /x /bin/true 2> /dev/null; cd ..; cd ..; cd ../../../..; ls";

Deno.test("--rootfs confines", async (t) => {
  await using host = await TestHost.create();
  const step = (name: string, action: () => Promise<void>) => t.step(name, telling(action, host));
  const root = `${host.directory}/rootfs`;
  await Deno.mkdir(`${root}/bin`, { recursive: true });
  await Deno.mkdir(`${root}/etc`);
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  for (const name of (await ok(["busybox", "--list"])).split("\n")) {
    if (name !== "busybox") await Deno.symlink("busybox", `${root}/bin/${name}`);
  }
  const secret = `${host.directory}/secret`;
  await Deno.writeTextFile(secret, "only the host's\n");
  const words = (script: string, ...options: string[]) => [
    ...["run", "--rm", ...options, "--rootfs", root, "--", "sh", "-c", script],
  ];
  const inside = (script: string, ...options: string[]) => host.run(words(script, ...options));

  await step("process 1, and what is above /, is the container's", async () => {
    const { stdout } = await inside(
      `cat ${secret} /proc/1/root${secret} /proc/self/root/../..${secret} /../../${secret}; ${ESCAPE}; ` +
        "cat /proc/self/mountinfo | wc -l; grep -c netsvc-test /proc/self/mountinfo",
    );
    assert.doesNotMatch(stdout, /only the host's|^usr$/m);
    assert.match(stdout, /^bin$/m);
  });

  await step("capabilities are Docker's, and none is gained", async () => {
    const show =
      "grep -E '^(CapEff|CapPrm|CapBnd|CapInh|NoNewPrivs)' /proc/self/status | tr '\\t\\n' '  '";
    const expected = `CapInh: ${
      "0".repeat(16)
    } CapPrm: ${DOCKERS} CapEff: ${DOCKERS} CapBnd: ${DOCKERS} NoNewPrivs: 1 `;
    assert.equal((await inside(show)).stdout, expected);
    await host.ok("run", "-d", "--name", "long", "--rootfs", root, "--", "sleep", "1000");
    assert.equal((await host.run(["exec", "long", "--", "sh", "-c", show])).stdout, expected);
    const all = (await inside("grep CapEff /proc/self/status", "--privileged")).stdout;
    const own = await ok(["grep", "CapBnd", "/proc/self/status"]);
    assert.equal(all.split(/\s+/)[1], own.split(/\s+/)[1]);
  });

  await step("/dev is its own, and no device can be made that opens", async () => {
    const { stdout } = await inside(
      "ls /dev; echo written > /dev/null; head -c4 /dev/urandom | wc -c",
    );
    const lines = stdout.trim().split("\n");
    assert.deepEqual(lines.slice(0, -1), DEV.filter((name) => name !== "console"));
    assert.equal(lines.at(-1), "4");
    // A block device, and the memory, wherever it is made.
    for (const at of ["/", "/dev/", "/dev/shm/", "/etc/"]) {
      const made = await inside(`mknod ${at}d c 1 3; echo x > ${at}d`);
      assert.match(made.stderr, /Permission denied/, at);
      await run(["rm", "-f", `${root}${at}d`]);
    }
    assert.equal((await inside("tty; ls /dev/console", "-t")).code, 0);
  });

  await step("/proc and /sys are masked", async () => {
    const { stdout, stderr } = await inside(
      "for i in kcore keys timer_list sched_debug; do [ ! -e /proc/$i ] || cat /proc/$i; done; " +
        "ls -A /sys/firmware; [ ! -e /proc/scsi ] || ls -A /proc/scsi; " +
        "echo 0 > /proc/sys/kernel/domainname; echo 0 > /proc/sys/vm/swappiness; mkdir /sys/fs/x; " +
        "mount -t proc proc /etc; mount -o remount,rw /proc/sys; umount /proc/sys",
    );
    assert.equal(stdout, "");
    assert.equal(stderr.match(/Read-only file system/g)?.length, 3, stderr);
    assert.ok(stderr.match(/not permitted|denied/g)!.length >= 3, stderr);
  });

  await step("exec enters it, and leaks nothing", async () => {
    const script =
      `cat ${secret} /proc/1/root${secret}; ls -l /proc/self/fd | wc -l; pwd; echo $HOME`;
    const { stdout } = await host.run(["exec", "long", "--", "sh", "-c", script]);
    assert.doesNotMatch(stdout, /only the host's/);
    // Standard streams, and the directory that is being listed.
    assert.match(stdout, /^5\n\/\n\/root\n$/);
    const { stderr, code } = await host.run(["exec", "-w", "/nowhere", "long", "--", "true"]);
    assert.deepEqual([code, stderr], [
      126,
      'netsvc: Cannot work in "/nowhere": there is no such directory\n',
    ]);
    const missing = await host.run(["exec", "long", "--", "nosuch"]);
    assert.deepEqual([missing.code, missing.stderr], [
      127,
      "netsvc: failed to execute nosuch: No such file or directory\n",
    ]);
    assert.equal((await host.run(["exec", "long", "--", "/etc"])).code, 126);
    assert.equal((await host.run(["exec", "-t", "long", "--", "true"])).code, 0);
  });

  await step("signals and status", async () => {
    assert.equal((await inside("exit 7")).code, 7);
    await host.ok("container", "kill", "-s", "TERM", "long");
    assert.equal(await host.ok("container", "wait", "long"), "143");
    await host.ok("container", "rm", "long");
  });

  await step("links in the directory lead nowhere", async () => {
    const outside = `${host.directory}/outside`;
    await Deno.mkdir(outside);
    for (const name of ["proc", "sys", "dev"]) {
      await run(["rmdir", `${root}/${name}`]);
      await Deno.symlink(outside, `${root}/${name}`);
      const { code, stderr } = await inside("true");
      assert.deepEqual([code, stderr.trim().split("\n").length], [125, 1], stderr);
      assert.match(stderr, new RegExp(`its "/${name}" is not a directory`));
      await Deno.remove(`${root}/${name}`);
    }
    await run(["rm", "-rf", `${root}/etc`]);
    await Deno.symlink(outside, `${root}/etc`);
    await inside("true");
    assert.deepEqual([...Deno.readDirSync(outside)], []);
    await Deno.remove(`${root}/etc`);
    await Deno.mkdir(`${root}/etc`);
    await Deno.symlink(`${outside}/made`, `${root}/etc/hosts`);
    await Deno.symlink("/proc/sys/kernel/domainname", `${root}/etc/resolv.conf`);
    assert.match((await inside("cat /etc/hosts")).stdout, /localhost/);
    assert.deepEqual([...Deno.readDirSync(outside)], []);
    // Nothing of it is mounted on the host.
    assert.ok(!(await ok(["cat", "/proc/self/mountinfo"])).includes(root));
  });
});

Deno.test("what a container is given is nobody else's to read", async () => {
  await using host = await TestHost.create({ env: { NETSVC_KV_PASSWORD: "the-stores" } });
  await ok(["chmod", "755", host.directory]);
  const nobody = (script: string) =>
    run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script]);
  const secret = `hunter${Deno.pid}`;
  for (const tty of [[], ["-t"]]) {
    const given = [...tty, "-e", `DB_PASSWORD=${secret}`, "-e", "odd.name=1", "--"];
    const { stdout: env } = await host.run(["run", "--rm", ...given, "env"]);
    assert.deepEqual(
      env.split(/\r?\n/).filter((line) => !/^(PWD|SHLVL|_)=|^$/.test(line)).sort(),
      [
        `DB_PASSWORD=${secret}`,
        "HOME=/root",
        env.match(/^HOSTNAME=\w+/m)?.[0],
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ...tty.length > 0 ? ["TERM=xterm"] : [],
        "odd.name=1",
      ],
    );
    const script = 'echo "got $DB_PASSWORD"; exec sleep 1000';
    await host.ok("run", "-d", "--name", "s", ...given, "sh", "-c", script);
    await until(
      "it has said it",
      async () => (await host.ok("container", "logs", "s")).includes(`got ${secret}`),
    );
    const { stdout } = await nobody(
      `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n'; ` +
        `cat ${host.runDir}/containers/*/* 2> /dev/null; ls ${host.runDir}/containers`,
    );
    assert.doesNotMatch(stdout, new RegExp(secret));
    assert.notEqual((await nobody(`ls ${host.runDir}/containers`)).code, 0);
    assert.doesNotMatch(await host.ok("exec", "s", "--", "cat", "/proc/1/environ"), /the-stores/);
    assert.equal(await ok(["sh", "-c", `stat -c %a ${host.runDir}/containers/*/log`]), "600");
    await host.ok("container", "rm", "-f", "s");
  }
});
