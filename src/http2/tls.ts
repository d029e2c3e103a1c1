/**
 * TLS on an accepted socket. Each socket is upgraded by itself, so it takes the certificate of its moment; what the
 * runtime tells of the handshake is judged here.
 */
import type { Socket, SocketHandler } from "bun";
import type { PeerCertificate } from "./api.ts";
import type { RefusalReason } from "./observer.ts";

export interface TlsMaterial {
  /** PEM. */
  readonly key: string;
  /** PEM, with the intermediate ones. */
  readonly certificate: string;
  /** PEM. When there, only clients with a certificate of this authority are served. */
  readonly clientAuthority?: string;
}

/** The list of protocols as TLS writes it: each name after its length. */
const onlyHttp2 = Buffer.from("\x02h2", "latin1");

/** What begins with this byte is TLS. */
export const tlsFirstByte = 0x16;

/** Begins the handshake; from now on `handler` hears of what was sent inside. */
export function upgrade<Data>(
  socket: Socket<Data>,
  data: Data,
  material: TlsMaterial,
  handler: SocketHandler<Data>,
): Socket<Data> {
  const needsClient = material.clientAuthority !== undefined;
  const options = {
    data,
    // The types of the runtime do not know it yet.
    isServer: true,
    socket: handler,
    tls: {
      key: material.key,
      cert: material.certificate,
      ...(needsClient ? { ca: material.clientAuthority } : {}),
      requestCert: needsClient,
      rejectUnauthorized: needsClient,
      ALPNProtocols: onlyHttp2,
    },
  };
  return socket.upgradeTLS<Data>(options)[1];
}

/** Why a client is not served after its handshake; `undefined` when it is. */
export function judgeHandshake<Data>(
  socket: Socket<Data>,
  succeeded: boolean,
  needsClient: boolean,
): RefusalReason | undefined {
  if (!succeeded) return "tls_handshake";
  // A bad certificate of a client does not make the handshake fail, and its bytes could follow.
  if (needsClient && socket.authorized !== true) return "tls_client_certificate";
  return socket.alpnProtocol === "h2" ? undefined : "tls_alpn";
}

/** Call for sockets with a verified certificate only. */
export function certificateOf<Data>(socket: Socket<Data>): PeerCertificate {
  const { subject, subjectaltname } = socket.getPeerCertificate();
  const commonName = Array.isArray(subject?.CN) ? subject.CN[0] : subject?.CN;
  return { commonName, subjectAltName: subjectaltname };
}
