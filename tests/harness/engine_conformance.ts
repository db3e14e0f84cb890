/**
 * The suite that every engine passes which runs containers and tells what happens to them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { until } from "./command.ts";
import type { Engine, EngineEvent } from "../../server/engines/engine.ts";
import { namespaceNumber } from "../../lib/linux/namespaces/namespace_identity.ts";

/** An engine under test. */
export interface EngineUnderTest {
  engine: Engine;
  /** Starts a container that sleeps, and gives its id. */
  sleeper(name: string, ...options: string[]): Promise<string>;
  /** Runs the engine's command. */
  ok(...words: string[]): Promise<string>;
}

/** Runs the cases as steps. */
export async function engineConformance(t: Deno.TestContext, subject: EngineUnderTest) {
  const { engine } = subject;

  await t.step("finds by name, id and the beginning of an id", async () => {
    const id = await subject.sleeper("web", "--hostname", "web-host");
    for (const reference of ["web", id, id.slice(0, 12), id.slice(0, 5)]) {
      const found = await engine.find(reference);
      assert.equal(found?.id, id, reference);
      assert.equal(found.name, "web");
      assert.equal(found.runtime, engine.name);
      assert.equal(found.hostname, "web-host");
      const { namespace, process } = found.running!;
      assert.equal(namespace, `/proc/${process!.pid}/ns/net`);
      assert.match(namespaceNumber(namespace)!, /^\d+$/);
      if (found.resolvConfPath) await Deno.stat(found.resolvConfPath);
      await Deno.stat(found.hostsPath!);
    }
  });

  await t.step("knows what isn't there, and what can't be", async () => {
    for (const name of ["nosuch", "../web", "-a", "--help", "a b", "", "web/json", "we"]) {
      assert.equal(await engine.find(name), undefined, name);
    }
  });

  await t.step("a beginning that fits several is ambiguous", async () => {
    const first = new Map<string, string>();
    for (let i = 0;; i++) {
      const digit = (await subject.ok("create", "--name", `many${i}`, "box", "sleep", "1"))[0]!;
      if (first.has(digit)) {
        await assert.rejects(engine.find(digit), { code: "ambiguous", message: /begin with "."/ });
        break;
      }
      first.set(digit, digit);
    }
  });

  await t.step("a container on the host's network is refused", async () => {
    await subject.sleeper("hostly", "--network", "host");
    await assert.rejects(engine.find("hostly"), {
      code: "invalid",
      message: /"hostly" has no net/,
    });
  });

  await t.step("tells at once when one starts and ends, with what it is then", async () => {
    const events: EngineEvent[] = [];
    const abort = new AbortController();
    const watching = engine.watch((event) => events.push(event), abort.signal);
    await until("it watches", () => events[0]?.type === "gap");
    // The command takes a moment to listen, and tells later what happened in it.
    const { id } = (await engine.find("web"))!;
    await subject.ok("kill", "web");
    await until("it died", () => events.some((e) => e.type === "die" && e.id === id));
    assert.equal((await engine.find("web"))?.running, undefined);
    await subject.ok("start", "web");
    await until("it started", () => events.some((e) => e.type === "start" && e.id === id));
    assert.ok((await engine.find(id))!.running);
    assert.ok(events.every((event) => event.type === "gap" || event.name === "web"));
    abort.abort();
    await watching;
  });
}
