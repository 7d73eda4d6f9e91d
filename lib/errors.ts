/**
 * Every error that a client can meet, by its code. The code is part of the HTTP contract: clients
 * branch on it, and `/problems/<code>` is the `type` of the problem document (RFC 9457).
 */
export const problems = {
  BAD_REQUEST: { status: 400, title: 'The request is malformed' },
  VALIDATION_FAILED: { status: 400, title: 'The request has invalid values' },
  JSON_INVALID: { status: 400, title: 'The body is not valid JSON' },
  BODY_EMPTY: { status: 400, title: 'The body is empty' },
  FILE_MISSING: { status: 400, title: 'The form has no file' },
  FILE_DUPLICATE: { status: 400, title: 'The form has more than one file' },
  FIELD_UNKNOWN: { status: 400, title: 'The request names an unknown field' },
  PRESET_UNKNOWN: { status: 400, title: 'There is no such preset' },
  COLUMNS_INVALID: { status: 400, title: 'The CSV has not the columns it needs' },
  IMAGE_UNKNOWN: { status: 400, title: 'The request names an unknown image' },
  BATCH_TOO_LARGE: { status: 400, title: 'The batch has too many images' },
  EVENT_ID_INVALID: { status: 400, title: 'The id is not one of an event of this stream' },
  CURSOR_INVALID: { status: 400, title: 'The cursor is not one of ours' },
  IDEMPOTENCY_KEY_INVALID: { status: 400, title: 'The Idempotency-Key is not one' },
  KEY_MISSING: { status: 401, title: 'The request needs a key' },
  KEY_INVALID: { status: 401, title: 'The key is not good' },
  LINK_INVALID: { status: 403, title: 'The link is not good' },
  LINK_EXPIRED: { status: 403, title: 'The link has expired' },
  ROLE_TOO_LOW: { status: 403, title: 'The key may not do this' },
  KEY_TOO_MIGHTY: { status: 403, title: 'A key makes none mightier than itself' },
  QUOTA_EXCEEDED: { status: 403, title: 'The tenant has as much as it may have' },
  NOT_FOUND: { status: 404, title: 'There is nothing here' },
  IMAGE_NOT_FOUND: { status: 404, title: 'There is no such image' },
  RENDITION_NOT_FOUND: { status: 404, title: 'There is no such rendition' },
  QUEUE_NOT_FOUND: { status: 404, title: 'There is no such queue' },
  JOB_NOT_FOUND: { status: 404, title: 'There is no such job' },
  EXPORT_NOT_FOUND: { status: 404, title: 'There is no such export' },
  UPLOAD_NOT_FOUND: { status: 404, title: 'There is no such upload' },
  IMPORT_NOT_FOUND: { status: 404, title: 'There is no such import' },
  SCHEDULE_NOT_FOUND: { status: 404, title: 'There is no such schedule' },
  PRESET_NOT_FOUND: { status: 404, title: 'There is no such preset' },
  WEBHOOK_NOT_FOUND: { status: 404, title: 'There is no such webhook' },
  KEY_NOT_FOUND: { status: 404, title: 'There is no such key' },
  TENANT_NOT_FOUND: { status: 404, title: 'There is no such tenant' },
  DELIVERY_NOT_FOUND: { status: 404, title: 'There is no such delivery' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'The method is not allowed here' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  PRESET_BUILT_IN: { status: 409, title: 'A built-in preset cannot be changed' },
  JOB_ENDED: { status: 409, title: 'The job has ended' },
  JOB_NOT_RETRYABLE: { status: 409, title: 'The job cannot be begun anew' },
  DELIVERY_UNFINISHED: { status: 409, title: 'The delivery is still under way' },
  WEBHOOK_DISABLED: { status: 409, title: 'The webhook is switched off' },
  EXPORT_NOT_READY: { status: 409, title: 'The export has no file yet' },
  UPLOAD_OFFSET_CONFLICT: { status: 409, title: 'The upload stands at another offset' },
  IDEMPOTENCY_KEY_IN_FLIGHT: { status: 409, title: 'The first request of this key is in flight' },
  IDEMPOTENCY_ANSWER_NOT_KEPT: { status: 409, title: 'The first answer was too long to be kept' },
  EXPORT_EXPIRED: { status: 410, title: 'The file of the export has expired' },
  UPLOAD_EXPIRED: { status: 410, title: 'The upload has expired' },
  EVENTS_EXPIRED: { status: 410, title: 'The events are no longer kept' },
  PRECONDITION_FAILED: { status: 412, title: 'The resource has changed' },
  TUS_VERSION_UNSUPPORTED: { status: 412, title: 'The version of tus is not supported' },
  UPLOAD_TOO_LARGE: { status: 413, title: 'The file is too large' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  URI_TOO_LONG: { status: 414, title: 'The URL is too long' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'The media type is not supported' },
  ENCODING_UNSUPPORTED: { status: 415, title: 'The text encoding is not supported' },
  RANGE_NOT_SATISFIABLE: { status: 416, title: 'The range lies outside the file' },
  INPUT_TOO_MANY_PIXELS: { status: 422, title: 'The image has too many pixels' },
  INPUT_TOO_MANY_FRAMES: { status: 422, title: 'The image has too many frames' },
  INPUT_TOO_MANY_BANDS: { status: 422, title: 'The image has too many bands' },
  INPUT_PROFILE_TOO_LARGE: { status: 422, title: 'The colour profile is too large' },
  INPUT_METADATA_TOO_LARGE: { status: 422, title: 'The metadata is too large' },
  OUTPUT_TOO_MANY_PIXELS: { status: 422, title: 'The rendition would have too many pixels' },
  OPTIONS_UNPROCESSABLE: { status: 422, title: 'The options do not fit this image' },
  IMAGE_CORRUPT: { status: 422, title: 'The image cannot be decoded' },
  ADDRESS_NOT_ALLOWED: { status: 422, title: 'The address may not be asked' },
  REMOTE_REFUSED: { status: 422, title: 'The remote host does not give the file' },
  PATH_NOT_ALLOWED: { status: 422, title: 'The path may not be read' },
  PATH_NOT_FOUND: { status: 422, title: 'There is no such file in the import folder' },
  ROW_RAGGED: { status: 422, title: 'The row has not as many cells as there are columns' },
  ROW_QUOTES: { status: 422, title: 'The quotes of the row are broken' },
  ROW_ENCODING: { status: 422, title: 'The row is not UTF-8' },
  ROW_TOO_LONG: { status: 422, title: 'The row is too long' },
  BATCH_FILTER_UNFIT: { status: 422, title: 'The images that match make no batch' },
  EXPORT_TOO_MANY_ROWS: { status: 422, title: 'The rows do not fit into this format' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The key came with another request before' },
  UPLOAD_LOCKED: { status: 423, title: 'Another request writes the upload' },
  DELIVERY_FAILED: { status: 424, title: 'The receiver did not take it' },
  BATCH_MEMBER_FAILED: { status: 424, title: 'A member of the batch failed' },
  BATCH_STEP_FAILED: { status: 424, title: 'A step of the batch failed' },
  PRECONDITION_REQUIRED: { status: 428, title: 'The request must be conditional' },
  QUOTA_USED_UP: { status: 429, title: 'The tenant has used what it may use in an hour' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  HEADERS_TOO_LARGE: { status: 431, title: 'The request header fields are too large' },
  CHECKSUM_MISMATCH: { status: 460, title: 'The bytes are not those of the checksum' },
  INTERNAL: { status: 500, title: 'Something went wrong on our side' },
  DECODER_OUT_OF_MEMORY: { status: 503, title: 'There is not the memory to work on this image' },
  DECODER_CRASHED: { status: 500, title: 'The decoder died on this image' },
  TUS_EXTENSION_UNSUPPORTED: { status: 501, title: 'The extension of tus is not supported' },
  REMOTE_UNREACHABLE: { status: 502, title: 'The remote host cannot be reached' },
  REMOTE_TIMED_OUT: { status: 504, title: 'The remote host took too long' },
  JOB_TIMED_OUT: { status: 504, title: 'The job ran out of time' },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database does not answer' },
  QUEUE_UNAVAILABLE: { status: 503, title: 'The queue does not answer' },
  BACKLOG_FULL: { status: 503, title: 'Too many jobs are waiting' },
  OVERLOADED: { status: 503, title: 'The server is overloaded' },
  SHUTTING_DOWN: { status: 503, title: 'The server is shutting down' },
  STORAGE_FULL: { status: 507, title: 'There is no space left to store the file' },
} as const satisfies Record<string, { status: number; title: string }>;

/** A code of {@link problems}. */
export type ProblemCode = keyof typeof problems;

/** One invalid value: where it stands (a dotted path such as `renditions.0.width`), and what is wrong. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

/** What a {@link Problem} may carry beside its code and detail. */
export interface ProblemOptions {
  /** The invalid values, for validation problems. */
  readonly errors?: readonly FieldError[];
  /** Seconds until another try makes sense; sent as `Retry-After`. */
  readonly retryAfter?: number;
  /** Further response headers, such as `Allow` or `Content-Range`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The error behind it, for the log; never shown to a client. */
  readonly cause?: unknown;
}

/** A problem as a job keeps and shows it: the RFC 9457 members without the request's `instance`. */
export interface ProblemJson {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  readonly errors?: readonly FieldError[];
}

/**
 * The one error class of Halftone. It is thrown where the fault is known, and rendered in one place
 * (`plugins/problem-details.ts`). `detail` is public: no stack, no path on disk, no query.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfter: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfter = options.retryAfter;
    this.headers = options.headers ?? {};
  }

  /** The HTTP status of the code. */
  get status(): number {
    return problems[this.code].status;
  }

  /** The members of RFC 9457 that do not depend on the request. */
  toJSON(): ProblemJson {
    return {
      type: `/problems/${this.code}`,
      title: problems[this.code].title,
      status: this.status,
      detail: this.message,
      code: this.code,
      ...(this.errors && { errors: this.errors }),
    };
  }
}

/** Makes a 400 that names one field: `path` is where it stands, `message` what it got and what it takes. */
export function invalidField(
  path: string,
  message: string,
  code: ProblemCode = 'VALIDATION_FAILED',
): Problem {
  return new Problem(code, `${path} ${message}`, { errors: [{ path, message }] });
}

/**
 * Reads a part of a request whose errors name their place within it.
 *
 * @param path where the part stands in the request
 */
export function atPath<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Problem) || !error.errors) throw error;
    const errors = error.errors.map((each) => ({ ...each, path: `${path}.${each.path}` }));
    throw new Problem(error.code, `${path}.${error.message}`, { errors, cause: error });
  }
}

/** The `code` of a system error such as ENOSPC, or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Turns "no space left" (ENOSPC, EDQUOT, EFBIG) into the 507 problem and returns every other error as it is. */
export function storageProblem(error: unknown): unknown {
  const code = systemErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
    ? new Problem('STORAGE_FULL', 'There is no space left in the store. Nothing was kept; try again later.', {
        retryAfter: 30,
        cause: error,
      })
    : error;
}
