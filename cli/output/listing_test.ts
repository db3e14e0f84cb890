import assert from "node:assert/strict";
import { formatListing, type Listing, matches } from "./listing.ts";

interface Item {
  id: string;
  name: string;
}

const listing: Listing<Item> = {
  command: "thing ls",
  columns: [["THING ID", (item, id) => id(item.id)], ["NAME", (item) => item.name]],
  wide: 2,
  row: (item, id) => ({ ID: id(item.id), Name: item.name }),
  titles: { ID: "THING ID" },
  id: (item) => item.id,
  filters: {
    name: (item, value) => matches.name(item.name, value),
    id: (item, value) => matches.id(item.id, value),
  },
};
const items = [{ id: "a".repeat(64), name: "Web" }, { id: "b".repeat(64), name: "db" }];
const shown = (more: Partial<Parameters<typeof formatListing>[1]["options"]> = {}) =>
  formatListing(items, {
    listing,
    options: { trunc: true, filter: [], format: "table", ...more },
  });

Deno.test("ids are shortened unless they may not; -q gives them alone", () => {
  assert.match(shown(), /^THING ID +NAME\naaaaaaaaaaaa +Web\nbbbbbbbbbbbb +db\n$/);
  assert.equal(shown({ quiet: true, trunc: false }), `${"a".repeat(64)}\n${"b".repeat(64)}\n`);
});

Deno.test("filters: of one key any value fits, of several keys all must; names in whatever case", () => {
  assert.equal(shown({ quiet: true, filter: ["name=WEB"] }), "aaaaaaaaaaaa\n");
  assert.equal(
    shown({ quiet: true, filter: ["name=web", "name=db"] }),
    "aaaaaaaaaaaa\nbbbbbbbbbbbb\n",
  );
  assert.equal(shown({ quiet: true, filter: ["name=web", "id=b"] }), "");
  assert.throws(() => shown({ filter: ["nmae=web"] }), { code: "invalid" });
});

Deno.test("templates, with and without a header; JSON is the whole items", () => {
  assert.equal(shown({ format: "{{.ID}}\\t{{.Name}}" }), "aaaaaaaaaaaa\tWeb\nbbbbbbbbbbbb\tdb\n");
  assert.match(shown({ format: "table {{.Name}}\\t{{.ID}}" }), /^NAME +THING ID\n/);
  assert.deepEqual(JSON.parse(shown({ format: "json" })), items);
  assert.throws(() => shown({ format: "tabel" }), /Unknown format "tabel"/);
});

Deno.test("a label fits by its key, or by key and value", () => {
  assert.equal(matches.label({ a: "1" }, "a"), true);
  assert.equal(matches.label({ a: "1=2" }, "a=1=2"), true);
  assert.equal(matches.label({ a: "1" }, "a=2"), false);
  assert.equal(matches.label({}, "__proto__"), false);
});
