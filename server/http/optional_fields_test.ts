import assert from "node:assert/strict";
import { OpenAPIHono } from "@hono/zod-openapi";
import { correctOptionalFields } from "./optional_fields.ts";
import * as schemas from "../../lib/api/schemas/mod.ts";

interface Described {
  required?: string[];
  allOf?: Described[];
  properties?: Record<string, Described>;
}

Deno.test("the document requires what a body must have, and nothing else", () => {
  const app = new OpenAPIHono();
  for (const [name, schema] of Object.entries(schemas)) {
    app.openAPIRegistry.register(name, schema as never);
  }
  const { components } = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "t", version: "1" },
  });
  const described = components!.schemas as Record<string, Described>;
  correctOptionalFields(described, schemas);
  assert.deepEqual(described["PublishService"]!.required, ["name"]);
  assert.deepEqual(described["CreateNetwork"]!.required, ["name"]);
  assert.deepEqual(described["CreateContainer"]!.required, undefined);
  assert.ok(!described["Service"]!.required!.includes("backend"));
  assert.ok(described["Service"]!.required!.includes("mac"));
  const { container } = described["Service"]!.properties!["backend"]!.properties!;
  assert.deepEqual(container!.required, ["id", "runtime"], "and in objects within");
});
