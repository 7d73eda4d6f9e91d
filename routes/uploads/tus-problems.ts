import { Problem, type ProblemCode } from '../../lib/errors.js';

/** What tus answers with plain text, by its status. */
const codes: Readonly<Record<number, ProblemCode>> = {
  400: 'BAD_REQUEST',
  // How tus says that a header is missing.
  403: 'BAD_REQUEST',
  404: 'UPLOAD_NOT_FOUND',
  409: 'UPLOAD_OFFSET_CONFLICT',
  410: 'UPLOAD_EXPIRED',
  412: 'TUS_VERSION_UNSUPPORTED',
  413: 'UPLOAD_TOO_LARGE',
  501: 'TUS_EXTENSION_UNSUPPORTED',
};

const details: Readonly<Partial<Record<ProblemCode, string>>> = {
  UPLOAD_NOT_FOUND: 'There is no upload with this id.',
  UPLOAD_OFFSET_CONFLICT:
    'Upload-Offset is not where the upload stands; ask with HEAD, and go on from there.',
  UPLOAD_EXPIRED: 'The upload took too long; begin anew.',
  TUS_VERSION_UNSUPPORTED: 'The request needs Tus-Resumable: 1.0.0.',
};

/** An error of tus's own, as a problem; every other one as it is. */
export function tusProblem(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  if (!('status_code' in error) || typeof error.status_code !== 'number') return error;
  return problemOfStatus(error.status_code, 'body' in error ? String(error.body) : '', error);
}

/** The problem that an answer of tus stands for. */
export function problemOfStatus(status: number, text: string, cause?: unknown): Problem {
  const code = codes[status] ?? 'INTERNAL';
  const said = text.trim();
  const detail =
    details[code] ?? (said === '' || code === 'INTERNAL' ? 'The request cannot be served.' : `${said}.`);
  return new Problem(code, detail, {
    cause,
    ...(code === 'TUS_VERSION_UNSUPPORTED' && { headers: { 'Tus-Version': '1.0.0' } }),
  });
}
