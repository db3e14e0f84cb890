/**
 * The socket of a Docker engine with a few containers that are only told of: for what asks an engine, and
 * runs nothing.
 *
 * @module
 */

/** A container, as far as it isn't like all others. */
export interface TinyContainer {
  id: string;
  name: string;
  labels?: Record<string, string>;
  image?: string;
  running?: boolean;
  /** Of `HostConfig`. */
  host?: Record<string, unknown>;
}

/** See the module. */
export class TinyEngine implements AsyncDisposable {
  readonly #directory: string;
  readonly #server: Deno.HttpServer;
  readonly containers: TinyContainer[] = [];
  /** Networks of the engine's own, by id: name, and names of containers by endpoint. */
  readonly networks: Record<string, { name: string; endpoints?: Record<string, string> }> = {};
  readonly #listeners = new Set<ReadableStreamDefaultController<Uint8Array>>();
  /** Where it keeps what is its containers'. */
  root: string | undefined;
  /** Labels of images. */
  readonly images: Record<string, Record<string, string>> = {};
  /** What was asked for, as `GET /path`, without the query. */
  readonly asked: string[] = [];
  /** Errors, by `POST /path`. */
  readonly refuses: Record<string, { status: number; message: string }> = {};
  /** Bodies of what was made. */
  readonly made: Record<string, unknown>[] = [];

  constructor() {
    this.#directory = Deno.makeTempDirSync({ prefix: "netsvc-test-" });
    this.#server = Deno.serve({ path: this.socket, onListen: () => {} }, (r) => this.#answer(r));
  }

  get socket(): string {
    return `${this.#directory}/docker.sock`;
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const what = `${request.method} ${pathname}`;
    this.asked.push(what);
    const refusal = this.refuses[what];
    if (refusal?.status === 304) return new Response(null, { status: 304 });
    if (refusal) return Response.json({ message: refusal.message }, { status: refusal.status });
    const [, kind, reference] = pathname.match(/^\/(?:v[\d.]+\/)?(\w+)(?:\/([^/]+))?/) ?? [];
    if (kind === "images") {
      return found(this.images[decodeURIComponent(reference!)], (Labels) => ({
        Config: { Labels },
      }));
    }
    if (kind === "info") return found(this.root, (DockerRootDir) => ({ DockerRootDir }));
    if (kind === "events") return this.#events();
    if (kind === "networks") return found(this.networks[reference!], network);
    if (kind !== "containers") return found(undefined, String);
    if (reference === "json") return Response.json(this.containers.map(listed));
    if (reference === "create") {
      const body = await request.json();
      this.made.push(body);
      const id = "f".repeat(64);
      this.containers.push({ id, name: "made", labels: body.Labels, host: body.HostConfig });
      return Response.json({ Id: id, Warnings: null }, { status: 201 });
    }
    const container = this.containers.find(({ id, name }) => [id, name].includes(reference!));
    if (container && request.method === "DELETE") {
      this.containers.splice(this.containers.indexOf(container), 1);
      return new Response(null, { status: 204 });
    }
    return found(container, inspected);
  }

  #events(): Response {
    let own: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void this.#listeners.add(own = controller),
      cancel: () => void this.#listeners.delete(own),
    });
    return new Response(body);
  }

  /** How many follow it. */
  get followers(): number {
    return this.#listeners.size;
  }

  /** Tells those who follow it what happened to a container. */
  tell(Action: string, ID: string): void {
    const line = JSON.stringify({ Type: "container", Action, Actor: { ID } });
    for (const listener of this.#listeners) listener.enqueue(new TextEncoder().encode(`${line}\n`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    await this.#server.shutdown();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function found<T>(value: T | undefined, show: (value: T) => unknown): Response {
  if (value !== undefined) return Response.json(show(value));
  return Response.json({ message: "no such thing" }, { status: 404 });
}

function network({ name, endpoints = {} }: TinyEngine["networks"][string]) {
  const Containers = Object.entries(endpoints).map(([EndpointID, Name]) => [
    EndpointID,
    { EndpointID, Name },
  ]);
  return { Name: name, Containers: Object.fromEntries(Containers) };
}

function listed({ id, name, labels = {}, running = false }: TinyContainer) {
  const State = running ? "running" : "exited";
  return { Id: id, Names: [`/${name}`], Labels: labels, State, Ports: [] };
}

function inspected({ id, name, labels = {}, image, running = false, host }: TinyContainer) {
  return {
    ...{ Id: id, Name: `/${name}`, Image: image },
    State: { Running: running, Pid: 0 },
    Config: { Labels: labels },
    HostConfig: { NetworkMode: "none", ...host },
    NetworkSettings: { Networks: { none: {} } },
  };
}
