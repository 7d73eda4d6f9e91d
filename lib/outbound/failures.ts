import { Problem, systemErrorCode } from '../errors.js';

const TIMEOUTS = /^(UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|ETIMEDOUT|ETIMEOUT)$/;

/** What a client may know of a failure, by the code of the system, of undici, or of TLS. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^(ENOTFOUND|ENODATA|EAI_|ESERVFAIL|EREFUSED)/, 'its name has no address'],
  [/^ECONNREFUSED$/, 'it refuses the connection'],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, 'it closed the connection'],
  [/^E(HOST|NET)UNREACH$/, 'there is no way to it'],
  [/^(HTTPParserError|HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_)/, 'it does not speak HTTP'],
  [/^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/, 'its certificate or TLS is not valid'],
];

/**
 * The problem behind a failed request, for the client that named the URL.
 *
 * @returns REMOTE_TIMED_OUT (504) or REMOTE_UNREACHABLE (502); a Problem as it is
 */
export function remoteProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  // A parser that stumbles has a name only.
  const code = systemErrorCode(error) ?? (error instanceof Error ? error.name : '');
  if (isTimeout(error) || TIMEOUTS.test(code)) {
    return new Problem('REMOTE_TIMED_OUT', 'The remote host did not answer in time.', { cause: error });
  }
  const reason = reasons.find(([pattern]) => pattern.test(code))?.[1] ?? 'the request failed';
  return new Problem('REMOTE_UNREACHABLE', `The remote host cannot be asked: ${reason}.`, { cause: error });
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError';
}
