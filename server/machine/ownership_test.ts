import assert from "node:assert/strict";
import { judgeLinks, type Note, type Owner, type Seen } from "./ownership.ts";

const ME: Owner = { state: "a".repeat(64), stateDir: "/s/me", runDir: "/r/me" };
const OTHER: Owner = { state: "b".repeat(64), stateDir: "/s/other", runDir: "/r/other" };
const noted = (owner: Owner, others: string[] = []): Note => ({ ...owner, others });
const seen = (more: Partial<Seen>): Seen => ({
  note: undefined,
  links: [],
  serving: new Set(),
  knows: () => false,
  ...more,
});

Deno.test("what the one who worked here last doesn't know is its own leftover", () => {
  assert.deepEqual(judgeLinks(ME, seen({ note: noted(ME, ["nsb9"]), links: ["nsb1", "nsb9"] })), [
    "nsb9",
  ]);
});

Deno.test("links of another that lead to containers are refused, with how that one is started", () => {
  const of = seen({ note: noted(OTHER), links: ["nsv1"], serving: new Set(["nsv1"]) });
  assert.throws(() => judgeLinks(ME, of), {
    code: "in_use",
    message: /\(nsv1\).*"\/s\/other".*--state-dir \/s\/other --run-dir \/r\/other.*--take-over/,
  });
});

Deno.test("links of another that lead nowhere are let alone; those of a state that is gone are nobody's", () => {
  assert.deepEqual(judgeLinks(ME, seen({ note: noted(OTHER), links: ["nsb1"] })), ["nsb1"]);
  const gone = { ...OTHER, stateDir: ME.stateDir };
  assert.deepEqual(judgeLinks(ME, seen({ note: noted(gone), links: ["nsb1"] })), []);
});

Deno.test("where no daemon has taken notes, a state that knows some of it was the one here", () => {
  const links = ["nsv1", "nsv2"];
  const serving = new Set(links);
  assert.deepEqual(judgeLinks(ME, seen({ links, serving, knows: (link) => link === "nsv1" })), []);
  assert.throws(() => judgeLinks(ME, seen({ links, serving })), { code: "in_use" });
});
