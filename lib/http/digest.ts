/** The `Repr-Digest` of a file from its SHA-256 in hex (RFC 9530 §3). */
export function reprDigest(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}

/** The ETag of a file: its SHA-256 in hex, the same for the same bytes (RFC 9110 §8.8.3). */
export function strongEtag(sha256: string): string {
  return `"${sha256}"`;
}

/**
 * The ETag of what has one meaning and several encodings, such as JSON (RFC 9110 §8.8.3).
 *
 * @param version visible ASCII without a double quote
 */
export function weakEtag(version: string): string {
  return `W/"${version}"`;
}
