/** Shapes of secrets: router tokens, vendors' keys, JWTs, bearer values, members and parameters that hold credentials. */
const SHAPES = new RegExp(
  [
    String.raw`la_sk_[\w.-]+`,
    String.raw`\bsk-[\w-]{8,}`,
    String.raw`\beyJ[\w-]{6,}\.[\w.-]+`,
    String.raw`\bbearer\s+[^\s"\\]+`,
    // What names the secret stays.
    String.raw`((?:refresh_?token|access_?token|client_?secret|api_?key)\\?["']?\s*[:=]\s*\\?["']?)[^\s"'\\,&}]+`,
    String.raw`([?&]key=)[^&\s"]+`,
  ].join('|'),
  'gi',
);

/** A known secret shorter than this would blot out ordinary words. */
const SHORTEST_KNOWN = 6;

const REDACTED = '[redacted]';

/**
 * The last net under everything that the router writes: what is logged is chosen field by field, and still every line passes
 * here. `known` gives the secrets of this process at the moment of the call.
 */
export function createRedactor(known: () => Iterable<string>): (text: string) => string {
  return (text) => {
    let clean = text;
    for (const secret of known()) {
      if (secret.length >= SHORTEST_KNOWN && clean.includes(secret)) clean = clean.replaceAll(secret, REDACTED);
    }
    return clean.replace(SHAPES, (_, member?: string, parameter?: string) => (member ?? parameter ?? '') + REDACTED);
  };
}
