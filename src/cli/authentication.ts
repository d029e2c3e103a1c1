/** Who the callers of a node are, as its configuration says. */
import { type Authenticator, everybodyIs } from "../auth/authenticator.ts";
import { CertificateRules } from "../auth/certificates.ts";
import { CredentialAuthenticator } from "../auth/credentials.ts";
import { anonymousIdentity } from "../auth/identity.ts";
import { TokenTable } from "../auth/token-table.ts";
import { watchTokens } from "../auth/watched-tokens.ts";
import type { Configuration } from "../config/resolve.ts";
import type { Clock } from "../platform/clock.ts";
import { fileFingerprint, readSecretFile } from "../platform/secret-files.ts";
import { systemSecrets } from "../platform/secrets.ts";
import type { Logger } from "../telemetry/logger.ts";

export interface Authentication {
  readonly authenticator: Authenticator;
  /** Reads the token file anew. */
  reload(): void;
  stop(): void;
}

/** Throws INVALID_ARGUMENT where the token file cannot be used. */
export function createAuthentication({ auth }: Configuration, clock: Clock, logger: Logger): Authentication {
  const anonymous = anonymousIdentity(auth.anonymous_scopes);
  const nothing = (): void => undefined;
  if (auth.mode !== "tokens") {
    return { authenticator: everybodyIs(anonymous), reload: nothing, stop: nothing };
  }
  const certificates = new CertificateRules(auth.certificates);
  const credentials = { anonymous, certificates, clock };
  if (auth.token_file === undefined) {
    const none = new TokenTable([], systemSecrets, clock);
    const authenticator = new CredentialAuthenticator({ ...credentials, tokens: () => none });
    return { authenticator, reload: nothing, stop: nothing };
  }
  const source = watchTokens({
    path: auth.token_file,
    read: readSecretFile,
    fingerprint: fileFingerprint,
    secrets: systemSecrets,
    clock,
    onRead: (tokenCount) => logger.info("tokens read", { file: auth.token_file, tokens: tokenCount }),
    onFailure: (error) =>
      logger.error("the token file cannot be used; the tokens read before stay good", { error }),
  });
  return {
    authenticator: new CredentialAuthenticator({ ...credentials, tokens: () => source.current }),
    reload: () => source.reload(),
    stop: () => source.stop(),
  };
}
