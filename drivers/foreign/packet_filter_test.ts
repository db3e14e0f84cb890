import assert from "node:assert/strict";
import { parseCidr } from "../../lib/ip/cidr.ts";
import { readIptables } from "./iptables_rules.ts";
import { type NftListed, readNft } from "./nft_rules.ts";
import { remedyFor, whose } from "./owners.ts";
import { type Filter, outcome as judge, type Packet } from "./packet_filter.ts";

const BRIDGE = "nsb0123456789ab";
const SUBNET = parseCidr("172.18.0.0/20");
const OUT: Packet = { in: BRIDGE, out: "eth0", source: SUBNET, state: "new" };
const BACK: Packet = { in: "eth0", out: BRIDGE, destination: SUBNET, state: "established" };

const DROP = { verdict: "drop", sure: true };
const MAYBE = { verdict: "drop", sure: false };
const ACCEPT = { verdict: "accept", sure: true };

/** Whether a rule named a link is looked at where exceptions are. */
function outcome(filter: Filter, packet: Packet) {
  const { verdict, sure } = judge(filter, packet);
  return { verdict, sure };
}

function iptables(...lines: string[]): Filter {
  return readIptables("iptables", ["-P INPUT ACCEPT", ...lines, ""].join("\n"))!;
}

Deno.test("outcome() follows iptables' chains - the policy", () => {
  assert.deepEqual(outcome(iptables("-P FORWARD DROP"), OUT), DROP);
  assert.deepEqual(outcome(iptables("-P FORWARD ACCEPT"), OUT), ACCEPT);
  assert.equal(readIptables("iptables", "-P INPUT DROP\n"), undefined);
});

Deno.test("outcome() follows iptables' chains - netsvc's exceptions where Docker drops", () => {
  const docker = [
    "-P FORWARD DROP",
    "-N DOCKER-USER",
    "-N DOCKER-ISOLATION-STAGE-1",
    "-A FORWARD -j DOCKER-USER",
    "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
  ];
  const filter = iptables(...docker, "-A DOCKER-USER -j RETURN");
  assert.deepEqual(outcome(filter, OUT), DROP);
  assert.equal(whose(filter), "The firewall of Docker");
  assert.match(
    remedyFor(filter, { family: 4, links: [BRIDGE] }),
    /iptables -I DOCKER-USER -i nsb\+ -j ACCEPT; .*-o nsb/,
  );
  const excepted = iptables(
    ...docker,
    "-A DOCKER-USER -i nsb+ -m comment --comment netsvc -j ACCEPT",
    '-A DOCKER-USER -o nsb+ -m comment --comment "by netsvc" -j ACCEPT',
    "-A DOCKER-USER -j RETURN",
  );
  assert.deepEqual(outcome(excepted, OUT), ACCEPT);
  assert.deepEqual(outcome(excepted, BACK), ACCEPT);
});

Deno.test("outcome() follows iptables' chains - a last rule that rejects", () => {
  const filter = iptables(
    "-P FORWARD ACCEPT",
    "-A FORWARD -m state --state RELATED,ESTABLISHED -j ACCEPT",
    "-A FORWARD -j REJECT --reject-with icmp-host-prohibited",
  );
  assert.deepEqual(outcome(filter, OUT), DROP);
  assert.deepEqual(outcome(filter, BACK), ACCEPT);
});

Deno.test("outcome() follows iptables' chains - addresses, negations, doubt", () => {
  const accepting = (rule: string) => iptables("-P FORWARD DROP", `-A FORWARD ${rule} -j ACCEPT`);
  assert.deepEqual(outcome(accepting("-s 172.16.0.0/12"), OUT), ACCEPT);
  assert.deepEqual(outcome(accepting("-s 10.0.0.0/8"), OUT), DROP);
  assert.deepEqual(outcome(accepting("! -s 10.0.0.0/8"), OUT), ACCEPT);
  assert.deepEqual(outcome(accepting("-s 172.18.1.0/24"), OUT), MAYBE);
  assert.deepEqual(outcome(accepting("! -i nsb+"), OUT), DROP);
  assert.deepEqual(outcome(accepting("! -i docker0"), OUT), ACCEPT);
  assert.deepEqual(outcome(accepting("-p tcp -m tcp --dport 80"), OUT), MAYBE);
  const dropping = iptables("-P FORWARD ACCEPT", "-A FORWARD -p tcp -m tcp --dport 25 -j DROP");
  assert.equal(outcome(dropping, OUT).verdict, "accept");
  const goto = iptables("-P FORWARD ACCEPT", "-N x", "-A FORWARD -g x", "-A FORWARD -j DROP");
  assert.deepEqual(outcome(goto, OUT), ACCEPT);
});

function nft(chain: { name?: string; policy?: string }, ...rules: unknown[][]) {
  const place = { family: "inet", table: "t" };
  const listed = [
    { chain: { ...place, hook: "forward", name: "forward", policy: "accept", ...chain } },
    { chain: { ...place, name: "other" } },
    ...rules.map((expr) => ({ rule: { ...place, chain: "forward", expr } })),
    { rule: { ...place, chain: "other", expr: [{ drop: null }] } },
    { chain: { family: "inet", table: "netsvc", hook: "forward", name: "f", policy: "drop" } },
  ];
  const [filter, ...rest] = readNft(listed as NftListed[]);
  assert.equal(rest.length, 0, "netsvc's own table is left out");
  return filter!;
}

const meta = (key: string, right: unknown, op = "==") => ({
  match: { op, left: { meta: { key } }, right },
});

Deno.test("outcome() follows nft's chains", () => {
  assert.deepEqual(outcome(nft({ policy: "drop" }), OUT), DROP);
  const named = nft(
    { policy: "drop" },
    [meta("iifname", { set: ["nsb*", "lo"] }), { counter: {} }, { accept: null }],
    [{ match: { op: "in", left: { ct: { key: "state" } }, right: ["established", "related"] } }, {
      accept: null,
    }],
  );
  assert.deepEqual([outcome(named, OUT), outcome(named, BACK)], [ACCEPT, ACCEPT]);
  assert.deepEqual(outcome(nft({}, [meta("iifname", "eth0"), { drop: null }]), OUT), ACCEPT);
  assert.deepEqual(outcome(nft({}, [meta("oifname", "eth0"), { drop: null }]), OUT), DROP);
  assert.deepEqual(outcome(nft({}, [{ jump: { target: "other" } }]), OUT), DROP);
  assert.deepEqual(outcome(nft({}, [{ reject: null }]), OUT), DROP);
  const prefix = { prefix: { addr: "172.16.0.0", len: 12 } };
  const source = { match: { op: "==", left: { payload: { field: "saddr" } }, right: prefix } };
  assert.deepEqual(outcome(nft({ policy: "drop" }, [source, { accept: null }]), OUT), ACCEPT);
  const marked = nft({ policy: "drop" }, [meta("mark", 7), { accept: null }]);
  assert.deepEqual(outcome(marked, OUT), MAYBE);
  const mapped = nft({ policy: "drop" }, [{ vmap: { key: {}, data: "@m" } }]);
  assert.deepEqual(outcome(mapped, OUT), MAYBE);
  assert.match(
    remedyFor(marked, { family: 4, links: [BRIDGE, "corp0"] }),
    /nft insert rule inet t forward iifname '"nsb\*"' accept; .*oifname '"corp0"' accept/,
  );
});

Deno.test("remedyFor() speaks its owner's language", () => {
  const ufw = iptables(
    "-P FORWARD DROP",
    "-N ufw-before-forward",
    "-A FORWARD -j ufw-before-forward",
  );
  assert.match(
    remedyFor(ufw, { family: 4, links: [BRIDGE] }),
    /ufw route allow in on nsb0123456789ab; ufw route allow out/,
  );
  const firewalld = { ...nft({ policy: "drop" }), table: "firewalld" };
  assert.equal(whose(firewalld), "The firewall of firewalld");
  assert.match(
    remedyFor(firewalld, { family: 4, links: [BRIDGE] }),
    /--zone=trusted --add-interface=nsb0123456789ab/,
  );
});
