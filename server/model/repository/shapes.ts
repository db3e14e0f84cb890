/**
 * The fields that every record must have to be usable at all. Records of other hosts have passed the strict schemas of
 * `shared_records.ts` before; this host's own records are as this program wrote them. Pure.
 *
 * @module
 */
import { z } from "zod";
import type { StoredContainer } from "../container.ts";
import type {
  EndpointRecord,
  HostRecord,
  MemberRecord,
  NamedService,
  NetworkRecord,
  RetiredRecord,
} from "../records.ts";

/** A schema that checks some fields and passes all others unchanged. */
function shape<T extends object>(fields: z.ZodRawShape): z.ZodType<T> {
  return z.looseObject(fields) as unknown as z.ZodType<T>;
}

const text = z.string();
const texts = z.array(text);
const id = z.string().min(1);

export const Network = shape<NetworkRecord>({
  id,
  name: text,
  driver: text,
  scope: z.enum(["local", "global"]),
  created: text,
  pools: z.array(z.looseObject({ subnet: text })),
  options: z.record(text, text),
  labels: z.record(text, text),
});

export const Service = shape<NamedService>({
  addresses: texts.optional(),
  id,
  name: text,
  network: id,
  created: text,
  mode: z.enum(["single", "vip", "dnsrr"]),
  aliases: texts,
  ports: z.array(z.looseObject({ port: z.number() })),
});

export const Endpoint = shape<EndpointRecord>({
  id,
  service: id,
  network: id,
  addresses: texts,
  mac: text,
  backend: z.looseObject({ container: id, hostId: id, interface: text, attached: text }).optional(),
});

export const Container = shape<StoredContainer>({
  id,
  created: text,
  hostname: text,
  state: text,
  networkMode: text,
  ports: z.array(z.looseObject({ containerPort: z.number() })),
  autoRemove: z.boolean(),
});

export const Host = shape<HostRecord>({ id, name: text, overlayPort: z.number(), version: text });

export const Member = shape<MemberRecord>({ host: id, name: text });

export const Retired = shape<RetiredRecord>({ addresses: texts, mac: text, retired: text });
