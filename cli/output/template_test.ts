import assert from "node:assert/strict";
import { fillTemplate, templateHeader, unescapeTemplate } from "./template.ts";

const row = { Name: "foo", Labels: { a: "1", b: "2" }, Subnets: ["x", "y"], On: true };

Deno.test("fillTemplate() fills fields and calls functions", () => {
  const cases: [string, string][] = [
    ["{{.Name}}", "foo"],
    ["{{ .Name }}-{{.On}}", "foo-true"],
    ["{{upper .Name}} {{len .Subnets}}", "FOO 2"],
    ["{{.Labels.b}} {{.Labels}}", "2 a=1,b=2"],
    [`{{join .Subnets " "}}`, "x y"],
    ["{{json .Subnets}}", `["x","y"]`],
    ["{{json .}}", JSON.stringify(row)],
    ["{{.name}} {{.labels.b}}", "foo 2"],
    ["plain", "plain"],
  ];
  for (const [template, text] of cases) assert.equal(fillTemplate(template, row), text, template);
});

Deno.test("fillTemplate() names the field, the function or the text it doesn't know", () => {
  assert.throws(() => fillTemplate("{{.Nope}}", row), /Unknown field "\.Nope".*\.Name, \.Labels/);
  assert.throws(() => fillTemplate("{{.constructor}}", row), /Unknown field/);
  assert.throws(() => fillTemplate("{{frob .Name}}", row), /Unknown function "frob".*json/);
  assert.throws(() => fillTemplate("{{range .X}}", row), /Unknown|Cannot understand/);
  assert.throws(() => fillTemplate("{{.Name", row), /Cannot understand "\{\{\.Name"/);
});

Deno.test("templateHeader() titles the fields", () => {
  assert.equal(
    templateHeader("{{.ID}}\t{{.SomeField}}", { ID: "NETWORK ID" }),
    "NETWORK ID\tSOME FIELD",
  );
  assert.equal(unescapeTemplate("a\\tb\\n"), "a\tb\n");
});
