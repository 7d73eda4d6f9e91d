import { createHash } from 'node:crypto';
import { type ClientRequest, request } from 'node:http';
import { Upload } from 'tus-js-client';
import type { Answer, Api } from './contract.js';

/** What every request of tus has. */
export const tusHeaders = { 'tus-resumable': '1.0.0' } as const;

/** `Upload-Metadata` of some fields. */
export function metadataOf(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`)
    .join(',');
}

/** Begins an upload by hand. @returns its path */
export async function begin(
  api: Api,
  size: number,
  fields: Readonly<Record<string, string>>,
): Promise<string> {
  const { status, headers, bytes } = await api('/v1/uploads', {
    method: 'POST',
    headers: { ...tusHeaders, 'upload-length': String(size), 'upload-metadata': metadataOf(fields) },
  });
  if (status !== 201) throw new Error(`${status} ${bytes}`);
  return headers.get('location') ?? '';
}

/** Sends a part by hand. */
export function sendPart<Body = unknown>(
  api: Api,
  path: string,
  offset: number,
  part: Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<Body>> {
  return api<Body>(path, {
    method: 'PATCH',
    headers: {
      ...tusHeaders,
      'content-type': 'application/offset+octet-stream',
      'upload-offset': String(offset),
      ...headers,
    },
    body: new Uint8Array(part),
  });
}

/** How an upload by tus-js-client goes. */
export interface TusOptions {
  readonly metadata?: Record<string, string>;
  /** Bytes a part; unset: all that is left. */
  readonly chunkSize?: number;
  /** Goes on with an upload instead of beginning one. */
  readonly uploadUrl?: string;
  /** Milliseconds before each try after one that failed. */
  readonly retryDelays?: number[];
  readonly headers?: Record<string, string>;
  readonly onProgress?: (sent: number, upload: Upload) => void;
  /** Is told of each part that was taken. */
  readonly onPart?: (accepted: number) => void;
}

/** An upload that tus-js-client has brought to its end. */
export interface TusUploaded {
  readonly id: string;
  readonly url: string;
  /** Of the last answer. */
  readonly headers: Headers;
}

/** Uploads a file by tus-js-client. @throws what that says is wrong */
export function tusUpload(
  origin: string,
  file: Buffer,
  { onPart, onProgress, ...options }: TusOptions = {},
): Promise<TusUploaded> {
  return new Promise((resolve, reject) => {
    const upload: Upload = new Upload(file, {
      endpoint: `${origin}/v1/uploads`,
      retryDelays: [],
      ...options,
      onError: reject,
      ...(onPart && { onChunkComplete: (_size: number, accepted: number) => onPart(accepted) }),
      ...(onProgress && { onProgress: (sent: number) => onProgress(sent, upload) }),
      onSuccess: ({ lastResponse }) => {
        const url = upload.url ?? '';
        const headers = new Headers();
        for (const name of ['upload-offset', 'halftone-image', 'halftone-job']) {
          const value = lastResponse.getHeader(name);
          if (value !== undefined && value !== null) headers.set(name, value);
        }
        resolve({ id: url.slice(url.lastIndexOf('/') + 1), url, headers });
      },
    });
    upload.start();
  });
}

/** Begins to send a part; its bytes are the caller's to write. */
export function openPart(url: string, path: string, offset: number, length: number): ClientRequest {
  return request(`${url}${path}`, {
    method: 'PATCH',
    headers: {
      ...tusHeaders,
      'content-type': 'application/offset+octet-stream',
      'content-length': length,
      'upload-offset': offset,
    },
  });
}

/** Where an upload stands. */
export async function offsetOf({ url }: { readonly url: string }, path: string): Promise<number> {
  const { headers } = await fetch(`${url}${path}`, { method: 'HEAD', headers: tusHeaders });
  return Number(headers.get('upload-offset') ?? Number.NaN);
}

/** SHA-256, in hexadecimal. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
