/** One call outside of the load: what a target answers. */
import { connect } from "node:http2";
import type { Target } from "./server.ts";

/** The answer's body. Rejects when it is no success. */
export function probe(target: Target): Promise<Uint8Array> {
  return target.isHttp1 ? probeHttp1(target) : probeHttp2(target);
}

async function probeHttp1({ url, headers, body }: Target): Promise<Uint8Array> {
  const tls = { rejectUnauthorized: false };
  const response = await fetch(url, { method: "POST", headers, body: body as Uint8Array<ArrayBuffer>, tls });
  const answer = await response.bytes();
  if (!response.ok)
    throw new Error(`${url} answered ${response.status}: ${new TextDecoder().decode(answer)}`);
  return answer;
}

function probeHttp2({ url, headers, body }: Target): Promise<Uint8Array> {
  const { origin, pathname } = new URL(url);
  const session = connect(origin, { rejectUnauthorized: false });
  return new Promise<Uint8Array>((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": pathname, ...headers });
    const chunks: Uint8Array[] = [];
    let status: unknown;
    const note = (fields: Record<string, unknown>) => {
      status = fields["grpc-status"] ?? status;
    };
    stream.on("response", note).on("trailers", note);
    stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      // Who sends no trailers has no status to tell.
      if (status === undefined || status === "0") resolve(Buffer.concat(chunks));
      else reject(new Error(`${url} answered with gRPC status ${String(status)}`));
    });
    stream.end(body);
  }).finally(() => session.destroy());
}
