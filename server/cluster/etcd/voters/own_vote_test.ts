import assert from "node:assert/strict";
import type { Store } from "../../../../kv/store.ts";
import { OwnVote } from "./own_vote.ts";
import type { RecordedMember } from "./member_record.ts";

/** A host that follows; what it does is told in `did`. */
class Following implements AsyncDisposable {
  readonly did: string[] = [];
  readonly note: string;
  members: RecordedMember[] = [];
  /** What the members say of it. */
  isMember: boolean | undefined = true;
  kept = false;
  data = false;
  /** That the next preparation fails. */
  refused = false;
  /** Where it is, if not as the members say. */
  address = "me";
  readonly vote: OwnVote;

  constructor(directory: string) {
    this.note = `${directory}/etcd.member`;
    const tell = (what: string) => Promise.resolve(void this.did.push(what));
    // deno-lint-ignore no-this-alias
    const host = this;
    this.vote = new OwnVote({
      self: "me",
      cluster: "c",
      store: {
        get: (key: string) => {
          const value = JSON.stringify({ members: this.members });
          return Promise.resolve(this.members.length ? { key, value, revision: "1" } : undefined);
        },
      } as unknown as Store,
      child: {
        get kept() {
          return host.kept;
        },
        get running() {
          return host.kept;
        },
        hasData: () => Promise.resolve(this.data),
        start: async ({ client, peer }) => {
          this.kept = this.data = true;
          const at = client.host === "me" && peer.host === "me" ? "" : ` at ${client.host}`;
          await tell(`start${at}`);
        },
        retire: async () => {
          this.kept = this.data = false;
          await tell("retire");
          return undefined;
        },
      },
      note: this.note,
      address: () => this.address,
      prepare: async (anew) => {
        await tell(anew ? "prepare anew" : "prepare");
        if (this.refused) throw new Error("nobody answers");
      },
      isMember: () => Promise.resolve(this.isMember),
      onEndpoints: (all) => tell(`endpoints ${all.map(({ host }) => host).join()}`),
      onRole: tell,
    });
  }

  static async create(): Promise<Following> {
    return new Following(await Deno.makeTempDir({ prefix: "netsvc-test-" }));
  }

  /** One look, and what it did. */
  async look(): Promise<string> {
    this.did.length = 0;
    await this.vote.round();
    return this.did.join("; ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vote[Symbol.asyncDispose]();
    await Deno.remove(this.note.replace(/\/[^/]*$/, ""), { recursive: true });
  }
}

function member(host: string, changes: Partial<RecordedMember> = {}): RecordedMember {
  const [client, peer] = [{ host, port: 2479 }, { host, port: 2480 }];
  return { member: "1", host, client, peer, learner: false, ...changes };
}

Deno.test("a host that is named gets a vote, and ends it when it is named no more", async () => {
  await using host = await Following.create();
  assert.equal(await host.look(), "");
  host.members = [member("other")];
  assert.equal(await host.look(), "endpoints other; client");
  host.members = [member("me", { member: "7", learner: true }), member("other")];
  assert.equal(await host.look(), "prepare anew; start");
  host.members[0]!.learner = false;
  assert.equal(await host.look(), "endpoints me,other; voter");
  assert.equal(await host.look(), "");
  // The list is what a coordinator made of it: etcd's members have the last word, and nobody answers yet.
  host.members = [member("other")];
  host.isMember = undefined;
  assert.equal(await host.look(), "endpoints other");
  host.isMember = true;
  assert.equal(await host.look(), "");
  host.isMember = false;
  assert.equal(await host.look(), "retire; client");
  assert.equal(await host.look(), "");
});

Deno.test("a new vote takes neither the data nor the certificate of the last one", async () => {
  await using host = await Following.create();
  host.members = [member("me", { member: "7" })];
  await host.look();
  // The daemon begins again: the vote is the same, and its etcd runs.
  host.kept = false;
  assert.equal(await host.look(), "prepare; start");
  // It was away, and has another vote by now.
  host.members = [member("me", { member: "8" })];
  host.refused = true;
  assert.equal(await host.look(), "retire; prepare anew");
  assert.equal(await host.look(), "prepare anew");
  host.refused = false;
  assert.equal(await host.look(), "prepare anew; start");
  assert.equal(await Deno.readTextFile(host.note), "8");
  host.kept = false;
  assert.equal(await host.look(), "prepare; start");
});

Deno.test("a host that is elsewhere than the members say goes by what it knows itself", async () => {
  await using host = await Following.create();
  host.members = [member("me"), member("other")];
  host.address = "there";
  assert.equal(await host.look(), "endpoints there,other; prepare anew; start at there; voter");
});
