import type { ProblemJson } from '../errors.js';

/** An upload in parts, as the database keeps it. */
export interface UploadRow {
  readonly id: string;
  readonly tenantId: string;
  /** Bytes it will have. */
  readonly size: number;
  /** Bytes that are safely on the disk; the size only once the image is recorded. */
  readonly offset: number;
  /** `Upload-Metadata` as it came; empty when there was none. */
  readonly metadata: string;
  readonly imageId: string | null;
  readonly jobId: string | null;
  /** Why it became no image. */
  readonly error: ProblemJson | null;
  readonly expiresAt: Date;
}

/** An upload in parts, as the API shows it. */
export interface Upload extends Pick<UploadRow, 'id' | 'offset' | 'size' | 'imageId' | 'jobId' | 'error'> {
  readonly expiresAt: string;
}

/** What the API shows of an upload. */
export function presentUpload({ id, offset, size, expiresAt, imageId, jobId, error }: UploadRow): Upload {
  return { id, offset, size, expiresAt: expiresAt.toISOString(), imageId, jobId, error };
}
