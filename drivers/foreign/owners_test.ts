import assert from "node:assert/strict";
import type { NftFilter } from "./nft_rules.ts";
import { remedyFor, whose } from "./owners.ts";
import type { Filter } from "./packet_filter.ts";

const filter = (chains: string[]): Filter => ({
  name: "f",
  policy: "drop",
  chain: "FORWARD",
  chains: new Map(chains.map((chain) => [chain, []])),
});
const table = (name: string): NftFilter => ({
  ...filter(["forward"]),
  chain: "forward",
  family: "inet",
  table: name,
});

Deno.test("whose a firewall is is told by its chains and tables; the one that drops comes first", () => {
  assert.equal(whose(filter(["ufw-user-forward", "DOCKER-USER"])), "The firewall of ufw");
  assert.equal(whose(filter(["DOCKER-USER"])), "The firewall of Docker");
  assert.equal(whose(table("firewalld")), "The firewall of firewalld");
  assert.equal(whose(filter(["mine"])), "Another firewall of this host");
});

Deno.test("the remedy speaks its owner's language, in both directions and of the family asked for", () => {
  assert.match(
    remedyFor(filter(["ufw-x"]), { family: 4, links: ["nsb1"] }),
    /ufw route allow in on nsb1; ufw route allow out on nsb1/,
  );
  assert.match(
    remedyFor(table("firewalld"), { family: 4, links: ["nsb1"] }),
    /--zone=trusted --add-interface=nsb1; firewall-cmd --reload/,
  );
  const six = remedyFor(filter(["DOCKER-USER"]), { family: 6, links: ["nsb1"] });
  assert.match(
    six,
    /ip6tables -I DOCKER-USER -i nsb\+ -j ACCEPT; ip6tables -I DOCKER-USER -o nsb\+/,
  );
  assert.match(
    remedyFor(table("own"), { family: 4, links: ["corp0"] }),
    /nft insert rule inet own forward iifname '"corp0"' accept/,
  );
});
