import assert from "node:assert/strict";
import { Signal } from "./signal.ts";

Deno.test("a Signal tells those who have subscribed, in order, until they end it", () => {
  const signal = new Signal<number>();
  const heard: string[] = [];
  signal.emit(0);
  const end = signal.subscribe((n) => heard.push(`a${n}`));
  signal.subscribe((n) => heard.push(`b${n}`));
  signal.emit(1);
  end();
  end();
  signal.emit(2);
  assert.deepEqual(heard, ["a1", "b1", "b2"]);
});

Deno.test("who subscribes while it is told isn't told of that, and who ends is", () => {
  const signal = new Signal();
  const heard: string[] = [];
  const end = signal.subscribe(() => {
    heard.push("first");
    end();
    signal.subscribe(() => heard.push("late"));
  });
  signal.emit();
  assert.deepEqual(heard, ["first"]);
  signal.emit();
  assert.deepEqual(heard, ["first", "late"]);
});
