import assert from "node:assert/strict";
import { TestVoters } from "../../../tests/harness/voters.ts";

Deno.test("a member is removed by another one, also where it is asked first, and says nothing", async () => {
  await using all = await TestVoters.create(3);
  const [first, second, third] = all.voters as [
    typeof all.voters[0],
    typeof all.voters[0],
    typeof all.voters[0],
  ];
  await all.startFirst();
  await all.join(second, [first]);
  await all.join(third, [first, second]);
  await all.serves(third);
  const { members } = all.admin(third, { voters: [first, second, third] });
  const idOf = async (name: string) =>
    (await members.list()).find((member) => member.name === name)!.id;
  const silent = await idOf(first.id);
  const record = await Deno.readTextFile(`${first.paths.directory}/etcd.json`);
  const { pid } = JSON.parse(record).process;
  Deno.kill(pid, "SIGSTOP");
  try {
    await members.remove(silent);
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
  assert.equal((await members.list()).length, 2);
  // It lives, and would end with the call.
  const { members: ofIt } = all.admin(third, { voters: [second, third] });
  await ofIt.remove(await idOf(second.id));
  assert.deepEqual((await members.list()).map(({ name }) => name), [third.id]);
});
