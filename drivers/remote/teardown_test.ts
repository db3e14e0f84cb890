import assert from "node:assert/strict";
import { NetsvcError } from "../../lib/api/errors.ts";
import type { Join, NetworkSpec } from "../driver.ts";
import type { NetworkCalls } from "./network_calls.ts";
import { Owed } from "./pending_teardowns.ts";
import { PluginRefusal, PluginUnreachable } from "./protocol/errors.ts";
import { summary, Teardown } from "./teardown.ts";

const network = { id: "n".repeat(64), name: "net" } as NetworkSpec;
const join = (
  gateway: boolean,
) => ({ endpoint: { id: "e" }, gateway, ports: [] } as unknown as Join);

/** Calls that write down what they were, and fail where they are told to. */
function calls(failures: Record<string, Error> = {}) {
  const heard: string[] = [];
  const call = (name: string) => () => {
    heard.push(name);
    return failures[name] ? Promise.reject(failures[name]) : Promise.resolve();
  };
  const names = ["revokeExternalConnectivity", "leave", "deleteEndpoint", "deleteNetwork"];
  const all = Object.fromEntries(names.map((name) => [name, call(name)]));
  return { heard, moveOut: call("moveOut"), all: all as unknown as NetworkCalls, failures };
}

Deno.test("an endpoint's end is told in order, its outside only where it had one", async () => {
  for (const gateway of [true, false]) {
    const { heard, moveOut, all } = calls();
    await new Teardown(all, new Owed()).ofEndpoint(network, join(gateway), { moveOut });
    const inner = ["leave", "moveOut", "deleteEndpoint"];
    assert.deepEqual(heard, gateway ? ["revokeExternalConnectivity", ...inner] : inner);
  }
});

Deno.test("a step that fails holds up no other; what a plugin doesn't know any more is no failure", async () => {
  const missing = new PluginRefusal("p", "NetworkDriver.Leave", {
    words: "endpoint e not found",
    httpStatus: 500,
  });
  assert.ok(missing.missing);
  const one = calls({ leave: missing, moveOut: new NetsvcError("kernel", "no link") });
  const owed = new Owed();
  await assert.rejects(
    new Teardown(one.all, owed).ofEndpoint(network, join(false), { moveOut: one.moveOut }),
    { code: "kernel", message: "no link" },
  );
  assert.deepEqual(one.heard, ["leave", "moveOut", "deleteEndpoint"]);
  assert.deepEqual(owed.ids(), []);
});

Deno.test("what a plugin couldn't be told is owed, until it is told", async () => {
  const away = new PluginUnreachable("p", "dial", "it isn't there");
  const { heard, all, failures } = calls({ deleteNetwork: away });
  const owed = new Owed();
  await assert.rejects(new Teardown(all, owed).ofNetwork(network), { code: away.code });
  assert.deepEqual(owed.ids(), [network.id]);
  await assert.rejects(owed.pay(network.id, {}));
  assert.deepEqual(owed.ids(), [network.id]);
  delete failures.deleteNetwork;
  await owed.pay(network.id, {});
  assert.deepEqual(owed.ids(), []);
  assert.equal(heard.length, 3);
});

Deno.test("summary() says each thing once, with the code of what isn't the plugin's absence", () => {
  const away = new PluginUnreachable("p", "dial", "it isn't there");
  const kernel = new NetsvcError("kernel", "no link");
  assert.equal(summary([away, away]), away);
  const both = summary([away, kernel, kernel]) as NetsvcError;
  assert.equal(both.code, "kernel");
  assert.equal(both.message, `${away.message}; no link`);
});
