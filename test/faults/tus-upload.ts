import { once } from 'node:events';
import { request } from 'node:http';
import { eventually } from '../helpers/events.js';
import { storedFiles } from '../helpers/faults.js';
import type { UploadKind } from './upload-kind.js';

const TUS = { 'tus-resumable': '1.0.0' };

/** A resumable upload (tus 1.0), begun with one request and gone on with by another. */
export const tus: UploadKind = {
  name: 'tus',
  async begin(service, file, share) {
    const created = await fetch(`${service.url}/v1/uploads`, {
      method: 'POST',
      headers: { ...TUS, 'upload-length': String(file.length) },
    });
    const path = new URL(created.headers.get('location') ?? '', service.url).pathname;
    if (created.status !== 201) throw new Error(`${created.status} ${await created.text()}`);
    const part = file.subarray(0, Math.round(file.length * share));
    const headers = { ...patchHeaders(0), 'content-length': file.length };
    const sending = request(`${service.url}${path}`, { method: 'PATCH', headers });
    sending.on('error', () => {});
    const outcome = once(sending, 'response').then(
      ([response]) => {
        response.resume().on('error', () => {});
        return 'answered' as const;
      },
      () => 'cut' as const,
    );
    await new Promise((resolve) => sending.write(part, resolve));
    await eventually(async () => (await storedFiles(service, 'uploads')).length > 0 || undefined);
    return { outcome, resume: (url) => resume(`${url}${path}`, file) };
  },
};

/** Asks how much is there, sends the rest, and sees that the upload has all of it. */
async function resume(url: string, file: Buffer): Promise<boolean> {
  const from = await offsetOf(url);
  if (from === undefined) return false;
  if (from < file.length) {
    const body = new Uint8Array(file.subarray(from));
    const patched = await fetch(url, { method: 'PATCH', headers: patchHeaders(from), body });
    if (patched.status !== 204) return false;
  }
  return (await offsetOf(url)) === file.length;
}

/** @returns undefined where the upload is not known any more */
async function offsetOf(url: string): Promise<number | undefined> {
  const { status, headers } = await fetch(url, { method: 'HEAD', headers: TUS });
  return status === 200 ? Number(headers.get('upload-offset')) : undefined;
}

function patchHeaders(offset: number): Record<string, string> {
  return { ...TUS, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
}
