import type { Service } from '../helpers/service.js';

/** An upload that has begun. */
export interface BegunUpload {
  /** Whether an answer came before the connection ended. */
  readonly outcome: Promise<'answered' | 'cut'>;
  /** Goes on where it was cut, on the service that came after; only for what can. @returns whether it is whole */
  readonly resume?: (url: string) => Promise<boolean>;
}

/** A way to upload that can be cut off. */
export interface UploadKind {
  readonly name: string;
  /** Sends a share (0–1) of a PNG; resolves when the service has begun to write it down. */
  begin(service: Service, file: Buffer, share: number): Promise<BegunUpload>;
}
