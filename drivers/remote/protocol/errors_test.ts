import assert from "node:assert/strict";
import { PluginRefusal, PluginUnreachable } from "./errors.ts";

const refusal = (words: string) =>
  new PluginRefusal("p", "NetworkDriver.Join", { words, httpStatus: 500 });

Deno.test("plugins say in many words that something isn't there, or is there already", () => {
  for (
    const words of [
      "network abc not found",
      "No such endpoint",
      "endpoint doesn't exist",
      "can't find it",
      "no network x",
    ]
  ) {
    assert.equal(refusal(words).missing, true, words);
    assert.equal(refusal(words).exists, false, words);
  }
  for (const words of ["network already exists", "Duplicate id", "address in use"]) {
    assert.equal(refusal(words).exists, true, words);
    assert.equal(refusal(words).missing, false, words);
  }
  assert.equal(refusal("boom").missing || refusal("boom").exists, false);
});

Deno.test("a deadline is a timeout, all else is unavailable: so callers know whether to ask again", () => {
  assert.equal(new PluginUnreachable("p", "deadline", "x").code, "timeout");
  for (const kind of ["dial", "tls", "broken", "stopped"] as const) {
    assert.equal(new PluginUnreachable("p", kind, "x").code, "unavailable");
  }
});
