/** The HTTP/2 server on real sockets, with peers that share no code with it. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { RequestHandler, ServerRequest, ServerResponse } from "../../src/http2/api.ts";
import { frameTypes } from "../../src/http2/frames.ts";
import { encodeFields, type Field } from "../../src/http2/hpack/encoder.ts";
import { type Http2Observer, type RefusalReason, silentHttp2Observer } from "../../src/http2/observer.ts";
import { Http2Server, type Http2ServerOptions } from "../../src/http2/server.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { isOpensslThere, makeAuthority, makeCertificate } from "../support/certificates.ts";
import {
  ACK,
  answerOk,
  data,
  describeFrame,
  frame,
  headers,
  okBlock,
  parseFrames,
  preface,
  settings,
} from "../support/http2-harness.ts";
import { hasPythonModules, python, requirePeer } from "../support/peers.ts";
import { temporaryFolder } from "../support/temp-folder.ts";

const hostname = "127.0.0.1";

function serve(handle: RequestHandler, options: Partial<Http2ServerOptions> = {}) {
  const refusals: RefusalReason[] = [];
  const observer: Http2Observer = {
    ...silentHttp2Observer,
    connectionRefused: (reason) => refusals.push(reason),
    handlerFailed: (error) => expect(error).toBeUndefined(),
  };
  const server = new Http2Server({ hostname, port: 0, handle, clock: systemClock, observer, ...options });
  afterAll(() => server.destroy());
  return { server, refusals, url: `http://${hostname}:${server.port}` };
}

/** Sends back the body, the fields that begin with "x-", and the length of the body as a trailer. */
const echo: RequestHandler = (request, response) => {
  const pieces: Uint8Array[] = [];
  request.listen({
    data: (bytes, start, length) => {
      pieces.push(bytes.slice(start, start + length));
      request.grant(length);
    },
    end: () => {
      const body = Buffer.concat(pieces);
      const fields = Array.from(
        { length: request.fields.count },
        (_, i): Field => [request.fields.name(i), request.fields.value(i)],
      );
      response.sendHeaders(
        encodeFields([[":status", "200"], ...fields.filter(([name]) => name.startsWith("x-"))]),
      );
      response.sendData(body, 0, body.length);
      response.sendTrailers(encodeFields([["body-length", String(body.length)]]));
    },
    aborted: () => {},
  });
};

async function run(command: string[], input = ""): Promise<{ output: string; exitCode: number }> {
  const child = Bun.spawn(command, { stdin: new Blob([input]), stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { output: stdout + stderr, exitCode: await child.exited };
}

/** A raw connection: what was received, until the peer ends it. */
class RawClient {
  readonly received: Uint8Array[] = [];
  readonly ended = Promise.withResolvers<void>();
  #socket!: import("bun").Socket;
  #waiter: (() => void) | undefined;

  static async open(port: number): Promise<RawClient> {
    const client = new RawClient();
    client.#socket = await Bun.connect({
      hostname,
      port,
      socket: {
        data: (_, bytes) => {
          client.received.push(bytes);
          client.#waiter?.();
        },
        close: () => client.ended.resolve(),
        error: () => client.ended.resolve(),
      },
    });
    return client;
  }

  send(...parts: Uint8Array[]): void {
    const bytes = Buffer.concat(parts);
    expect(this.#socket.write(bytes)).toBe(bytes.length);
  }

  /** Resolves when this holds of what has come. */
  async until(holds: (lines: string[]) => boolean): Promise<string[]> {
    while (!holds(this.lines())) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiter = resolve;
      await promise;
    }
    return this.lines();
  }

  lines(): string[] {
    return parseFrames(Buffer.concat(this.received)).map(describeFrame);
  }

  close(): void {
    this.#socket.end();
  }
}

const greeting = Buffer.concat([preface, settings(), frame(frameTypes.SETTINGS, ACK, 0)]);

describe("sockets", () => {
  test("a client that is wrong reads why, even while it goes on sending", async () => {
    const { server } = serve(answerOk);
    const client = await RawClient.open(server.port);
    client.send(greeting, data(0, [1]), ...Array.from({ length: 100 }, () => data(1, new Uint8Array(1000))));
    await client.ended.promise;
    expect(client.lines().at(-1)).toBe("GOAWAY 0 PROTOCOL_ERROR");
  });

  test("connections beyond the limit are closed, until one of the others ends", async () => {
    const { server, refusals } = serve(answerOk, { limits: { maxConnections: 1 } });
    const first = await RawClient.open(server.port);
    first.send(greeting, headers(1));
    await first.until((lines) => lines.includes("HEADERS 1 :status=200 END_STREAM"));
    const second = await RawClient.open(server.port);
    await second.ended.promise;
    expect(refusals).toEqual(["connection_limit"]);
    first.close();
    await first.ended.promise;
    while (server.connectionCount > 0) await Bun.sleep(1);
    const third = await RawClient.open(server.port);
    third.send(greeting, headers(1));
    await third.until((lines) => lines.includes("HEADERS 1 :status=200 END_STREAM"));
    third.close();
  });

  test("the graceful end waits for requests and no longer", async () => {
    const responses: ServerResponse[] = [];
    const { server } = serve((_, response) => void responses.push(response));
    const client = await RawClient.open(server.port);
    const idle = await RawClient.open(server.port);
    client.send(greeting, headers(1));
    idle.send(greeting);
    await idle.until((lines) => lines.includes("SETTINGS ACK"));
    await client.until((lines) => lines.includes("SETTINGS ACK"));
    let isStopped = false;
    const stopped = server.stopAccepting().then(() => (isStopped = true));
    await client.until((lines) => lines.includes("GOAWAY 2147483647 NO_ERROR"));
    for (const one of [client, idle]) one.send(frame(frameTypes.PING, ACK, 0, Buffer.from("shutdown")));
    await idle.ended.promise;
    await client.until((lines) => lines.includes("GOAWAY 1 NO_ERROR"));
    expect(isStopped).toBe(false);
    responses[0]!.sendHeaders(okBlock, true);
    await client.ended.promise;
    await stopped;
    expect(client.lines().at(-1)).toBe("HEADERS 1 :status=200 END_STREAM");
    expect(
      await RawClient.open(server.port).then(
        () => "open",
        () => "refused",
      ),
    ).toBe("refused");
  });

  test("an answer much larger than all buffers arrives whole", async () => {
    const body = new Uint8Array(20_000_000).map((_, i) => i % 251);
    const { server, url } = serve((_, response) => response.answer(okBlock, body, 0, body.length));
    if (!isCurlThere) return;
    const child = Bun.spawn(["curl", "-s", "--http2-prior-knowledge", url], { stdout: "pipe" });
    expect(Bun.hash(await child.stdout.bytes())).toBe(Bun.hash(body));
    expect(server.queuedBytes).toBe(0);
  });
});

const isCurlThere = requirePeer("curl", () => Bun.which("curl") !== null);
const areNghttpToolsThere = requirePeer("nghttp2-client", () => Bun.which("h2load") !== null);
const isH2There = requirePeer("python3-h2", () => hasPythonModules("h2", "hpack"));

describe("foreign clients", () => {
  test.skipIf(!isCurlThere)("curl gets and posts", async () => {
    const { url } = serve(echo);
    const args = ["curl", "-s", "-i", "--http2-prior-knowledge"];
    const got = await run([...args, "-H", "X-Name: Value", url]);
    expect(got.output).toBe("HTTP/2 200 \r\nx-name: Value\r\n\r\nbody-length: 0\r\n");
    const posted = await run([...args, "--data-binary", "@-", url], "a".repeat(300_000));
    expect(posted.output).toEndWith("aaabody-length: 300000\r\n");
  });

  test.skipIf(!isCurlThere)("HTTP/1 on this port is told where to go", async () => {
    const { url, refusals } = serve(echo, { http1Explanation: "ask on port 9091" });
    const { output } = await run(["curl", "-s", "-i", "--http1.1", url]);
    expect(output).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(output).toEndWith("\r\n\r\nask on port 9091\n");
    expect(refusals).toEqual(["http1"]);
  });

  test.skipIf(!areNghttpToolsThere)("nghttp follows every frame", async () => {
    const { url } = serve(echo);
    const { output, exitCode } = await run(["nghttp", "-v", "-H", "x-name: value", "-m", "3", url]);
    expect(exitCode).toBe(0);
    expect(output.match(/:status: 200/g)).toHaveLength(3);
    expect(output.match(/body-length: 0/g)).toHaveLength(3);
    expect(output).not.toMatch(/error_code=(?!NO_ERROR)/);
  });

  test.skipIf(!areNghttpToolsThere)(
    "h2load: every call of many connections and streams is answered",
    async () => {
      const { server, url } = serve(echo);
      const { output } = await run(["h2load", "-n", "5000", "-c", "20", "-m", "50", "-t", "1", url]);
      expect(output).toContain(
        "5000 total, 5000 started, 5000 done, 5000 succeeded, 0 failed, 0 errored, 0 timeout",
      );
      expect(server.streamCount).toBe(0);
    },
  );

  test.skipIf(!isH2There)("python3-h2 finds nothing wrong with what it gets", async () => {
    const { server } = serve(echo);
    const script = join(import.meta.dir, "foreign-client", "http2_client.py");
    const runs = [1, 2, 3, 4].map((seed) => run([python, script, String(server.port), String(seed), "60"]));
    for (const { output } of await Promise.all(runs)) expect(output).toBe("60 requests echoed\n");
    expect([server.queuedBytes, server.streamCount]).toEqual([0, 0]);
  });
});

describe.skipIf(!isOpensslThere)("TLS", () => {
  const folder = temporaryFolder();
  const authority = isOpensslThere ? makeAuthority(folder, "authority") : undefined;
  const [first, second, client] = ["first", "second", "client"].map((name) =>
    authority === undefined ? undefined : makeCertificate(folder, name, "authority"),
  );
  const stranger = isOpensslThere ? makeAuthority(folder, "stranger") : undefined;

  /** What a client sees: the protocol it got, the server's name, and whether its bytes were answered. */
  async function connect(port: number, ...args: string[]): Promise<string> {
    const address = `${hostname}:${port}`;
    const command = [
      "openssl",
      "s_client",
      "-connect",
      address,
      "-CAfile",
      authority!.certificatePath,
      ...args,
    ];
    return (await run(["timeout", "3", ...command])).output;
  }

  /** The status that curl hears, "000" where it is not served. */
  const curlStatus = async (port: number, args: readonly string[]): Promise<string> => {
    const silent = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--http2"];
    const trust = ["--cacert", authority!.certificatePath];
    return (await run(["curl", ...silent, ...trust, ...args, `https://${hostname}:${port}`])).output;
  };

  test("takes the files of the moment for each connection", async () => {
    let material = { key: first!.key, certificate: first!.certificate };
    const { server } = serve(echo, { tls: () => material });
    const curl = [
      "curl",
      "-s",
      "--http2",
      "--cacert",
      authority!.certificatePath,
      "-d",
      "hello",
      `https://${hostname}:${server.port}`,
    ];
    expect((await run(curl)).output).toBe("hello");
    const name = async () => /subject=CN ?= ?(\w+)/.exec(await connect(server.port, "-alpn", "h2"))?.[1];
    expect(await name()).toBe("first");
    material = { key: second!.key, certificate: second!.certificate };
    expect(await name()).toBe("second");
    expect((await run(curl)).output).toBe("hello");
  });

  test("refuses other protocols than h2, none, and old versions of TLS", async () => {
    const { server, refusals } = serve(echo, {
      tls: () => ({ key: first!.key, certificate: first!.certificate }),
    });
    expect(await connect(server.port, "-alpn", "http/1.1")).toContain("no application protocol");
    expect(await connect(server.port)).toContain("No ALPN negotiated");
    expect(await connect(server.port, "-alpn", "h2", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")).toContain(
      "alert protocol version",
    );
    expect(refusals).toEqual(["tls_handshake", "tls_alpn", "tls_handshake"]);
    expect(server.connectionCount).toBe(0);
  });

  test("tells a client without TLS so, in the clear", async () => {
    const { server, refusals } = serve(echo, {
      tls: () => ({ key: first!.key, certificate: first!.certificate }),
    });
    const { output } = await run(["curl", "-s", "-i", `http://${hostname}:${server.port}`]);
    expect(output).toStartWith("HTTP/1.1 400 Bad Request\r\n");
    expect(output).toEndWith("this port speaks HTTP/2 over TLS\n");
    expect(refusals).toEqual(["plain_on_tls_port"]);
  });

  test("a client with TLS on a port without gets an alert", async () => {
    const { server, refusals } = serve(echo);
    expect(await connect(server.port, "-alpn", "h2")).toContain("handshake failure");
    expect(refusals).toEqual(["tls_on_plain_port"]);
  });

  test("serves only clients of its authority, when it names one, and says who they are", async () => {
    const seen: ServerRequest["peer"][] = [];
    const handle: RequestHandler = (request, response) => {
      seen.push(request.peer);
      answerOk(request, response);
    };
    const material = {
      key: first!.key,
      certificate: first!.certificate,
      clients: { authority: authority!.certificate, areRequired: true },
    };
    const { server, refusals } = serve(handle, { tls: () => material });
    const status = (...args: string[]) => curlStatus(server.port, args);
    expect(await status()).toBe("000");
    expect(await status("--cert", stranger!.certificatePath, "--key", stranger!.keyPath)).toBe("000");
    expect(seen).toEqual([]);
    expect(await status("--cert", client!.certificatePath, "--key", client!.keyPath)).toBe("200");
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ isSecure: true, address: hostname });
    expect(seen[0]!.certificate).toEqual({
      commonName: "client",
      subjectAltName: "IP Address:127.0.0.1, DNS:localhost",
    });
    expect(refusals).toEqual(["tls_handshake", "tls_client_certificate"]);
  });

  test("serves clients without a certificate too where it only asks, and refuses a stranger's", async () => {
    const seen: ServerRequest["peer"][] = [];
    const handle: RequestHandler = (request, response) => {
      seen.push(request.peer);
      answerOk(request, response);
    };
    const clients = { authority: authority!.certificate, areRequired: false };
    const material = { key: first!.key, certificate: first!.certificate, clients };
    const { server, refusals } = serve(handle, { tls: () => material });
    const status = (...args: string[]) => curlStatus(server.port, args);
    expect(await status()).toBe("200");
    expect(seen.map(({ certificate }) => certificate)).toEqual([undefined]);
    expect(await status("--cert", client!.certificatePath, "--key", client!.keyPath)).toBe("200");
    expect(seen[1]?.certificate?.commonName).toBe("client");
    expect(await status("--cert", stranger!.certificatePath, "--key", stranger!.keyPath)).toBe("000");
    expect(seen).toHaveLength(2);
    expect(refusals).toEqual(["tls_client_certificate"]);
  });

  test.skipIf(!areNghttpToolsThere)("h2load over TLS: every call is answered", async () => {
    const { server } = serve(echo, { tls: () => ({ key: first!.key, certificate: first!.certificate }) });
    const { output } = await run([
      "h2load",
      "-n",
      "3000",
      "-c",
      "10",
      "-m",
      "20",
      "-t",
      "1",
      `https://${hostname}:${server.port}`,
    ]);
    expect(output).toContain(
      "3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout",
    );
  });
});
