import assert from "node:assert/strict";
import { libc } from "../../../lib/linux/libc.ts";
import { KEPT_LOG, LogFile, type LogOptions, MAX_LOG } from "./log_file.ts";

// It stays loaded, and isn't a test's leak.
libc();

/** A log in a directory of its own. */
async function subject() {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/log`;
  const say = (text: string) => Deno.writeTextFileSync(path, text, { append: true });
  const read = async (options: LogOptions = {}, file = new LogFile(path)) => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of file.read(options)) text += decoder.decode(bytes, { stream: true });
    return text;
  };
  return {
    path,
    say,
    read,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

const at = (time: string) => Date.parse(`2026-01-31T${time}Z`);
const touch = (path: string, time: string) => Deno.utimeSync(path, new Date(), new Date(at(time)));

Deno.test("LogFile.read() gives the last lines, whether or not the last is complete", async () => {
  await using log = await subject();
  assert.equal(await log.read({ tail: 3 }), "");
  log.say("one\ntwo\n\nfour\n");
  assert.equal(await log.read(), "one\ntwo\n\nfour\n");
  assert.equal(await log.read({ tail: 0 }), "");
  assert.equal(await log.read({ tail: 1 }), "four\n");
  assert.equal(await log.read({ tail: 3 }), "two\n\nfour\n");
  assert.equal(await log.read({ tail: 99 }), "one\ntwo\n\nfour\n");
  log.say("fi");
  assert.equal(await log.read({ tail: 1 }), "fi");
  assert.equal(await log.read({ tail: 2 }), "four\nfi");
  // Lines that are longer than what is read at once.
  const long = "x".repeat(150_000);
  log.say(`ve\n${long}\n${long}y\n`);
  assert.equal(await log.read({ tail: 2 }), `${long}\n${long}y\n`);
});

Deno.test("LogFile.read() knows the times of lines, also those that an earlier daemon saw", async () => {
  await using log = await subject();
  const file = new LogFile(log.path);
  log.say("one\ntwo\nthr");
  touch(log.path, "12:00:00.250");
  assert.equal(file.look(), true);
  assert.equal(file.look(), false);
  log.say("ee\nfour\n");
  touch(log.path, "12:00:07");
  file.look();
  const stamped = "2026-01-31T12:00:00.250Z one\n2026-01-31T12:00:00.250Z two\n" +
    "2026-01-31T12:00:00.250Z three\n2026-01-31T12:00:07.000Z four\n";
  assert.equal(await log.read({ timestamps: true }, file), stamped);
  assert.equal(await log.read({ timestamps: true }), stamped);
  assert.equal(await log.read({ since: at("12:00:01") }), "four\n");
  assert.equal(await log.read({ since: at("12:00:00"), tail: 3 }), "two\nthree\nfour\n");
  assert.equal(await log.read({ since: at("12:00:08") }), "");
  assert.equal(
    await log.read({ since: at("12:00:01"), timestamps: true }),
    "2026-01-31T12:00:07.000Z four\n",
  );
});

Deno.test("LogFile.read() follows until nothing more will be written, and misses nothing", async () => {
  await using log = await subject();
  log.say("begun\n");
  let over = false;
  const reading = log.read({ until: () => over, tail: 0 });
  let expected = "";
  for (let i = 0; i < 20; i++) {
    log.say(`${i}\n`);
    expected += `${i}\n`;
    await new Promise((resolve) => setTimeout(resolve, 7));
  }
  log.say("last words");
  over = true;
  assert.equal(await reading, `${expected}last words`);
  const abort = new AbortController();
  const cut = log.read({ until: () => false, signal: abort.signal });
  abort.abort();
  await cut;
});

Deno.test("LogFile.read() goes on when somebody empties the file that it follows", async () => {
  await using log = await subject();
  log.say("one\ntwo\nthree\n");
  let over = false;
  const file = new LogFile(log.path);
  const reading = file.read({ until: () => over });
  const next = async () => new TextDecoder().decode((await reading.next()).value);
  assert.equal(await next(), "one\ntwo\nthree\n");
  const coming = next();
  Deno.truncateSync(log.path);
  // Seen while it is short: what is written later counts from the beginning.
  file.look();
  log.say("new\n");
  assert.equal(await coming, "new\n");
  over = true;
  assert.equal((await reading.next()).done, true);
  assert.equal(await log.read(), "new\n");
  assert.equal(await log.read({ tail: 1 }, new LogFile(log.path)), "new\n");
});

Deno.test("LogFile.cut() bounds a log that is written meanwhile, and loses nothing of its end", async () => {
  await using log = await subject();
  const file = new LogFile(log.path);
  const line = `${"x".repeat(99)}\n`;
  log.say(line.repeat(MAX_LOG / 100));
  file.look();
  file.cut();
  assert.equal((await log.read({}, file)).length, MAX_LOG - MAX_LOG % 100, "not yet too long");
  log.say(line.repeat(1000));
  file.look();
  log.say("written after the look\n");
  file.cut();
  const blocks = Deno.statSync(log.path).blocks! * 512;
  assert.ok(blocks <= KEPT_LOG + 256 * 1024, `${blocks} bytes are left`);
  for (const kept of [await log.read({}, file), await log.read()]) {
    assert.ok(kept.length > KEPT_LOG - 200 && kept.length < KEPT_LOG + 8192, `${kept.length}`);
    assert.ok(kept.startsWith(line), "from the beginning of a line on");
    assert.ok(kept.endsWith("written after the look\n"));
    assert.doesNotMatch(kept, /\0/);
  }
  assert.equal(await log.read({ tail: 2 }), `${line}written after the look\n`);
});

Deno.test("LogFile.read() goes on behind what was cut while nobody read", async () => {
  await using log = await subject();
  const file = new LogFile(log.path);
  log.say("first\n");
  let over = false;
  const reading = file.read({ until: () => over });
  assert.equal(new TextDecoder().decode((await reading.next()).value), "first\n");
  log.say(`${"y".repeat(99)}\n`.repeat(MAX_LOG / 100 + 1000));
  file.look();
  file.cut();
  over = true;
  let length = 0;
  for await (const bytes of reading) {
    assert.ok(!bytes.includes(0), "no hole is read");
    length += bytes.length;
  }
  assert.ok(length <= KEPT_LOG + 8192, `${length}`);
});
