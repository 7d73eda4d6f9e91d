import { once } from 'node:events';
import { request } from 'node:http';
import { eventually } from '../helpers/events.js';
import { storedFiles } from '../helpers/faults.js';
import type { Service } from '../helpers/service.js';
import { tus } from './tus-upload.js';
import type { BegunUpload, UploadKind } from './upload-kind.js';

const BOUNDARY = 'halftone-cut';

/** The bytes as the body. */
const raw: UploadKind = {
  name: 'raw',
  begin: (service, file, share) => send(service, 'image/png', file, share),
};

/** A form, as browsers send it. */
const form: UploadKind = {
  name: 'form',
  begin(service, file, share) {
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), file, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
    return send(service, `multipart/form-data; boundary=${BOUNDARY}`, body, share);
  },
};

/** Every way to upload: what can be resumed comes back with a `resume`. */
export const uploadKinds: readonly [UploadKind, ...UploadKind[]] = [raw, form, tus];

async function send(service: Service, type: string, body: Buffer, share: number): Promise<BegunUpload> {
  const sending = request(`${service.url}/v1/images`, {
    method: 'POST',
    headers: { 'content-type': type, 'content-length': body.length },
  });
  const outcome = once(sending, 'response').then(
    ([response]) => {
      response.resume().on('error', () => {});
      return 'answered' as const;
    },
    () => 'cut' as const,
  );
  sending.on('error', () => {});
  if (share === 1) {
    await new Promise<void>((resolve) => void sending.end(body, resolve));
    return { outcome };
  }
  await new Promise((resolve) => sending.write(body.subarray(0, Math.round(body.length * share)), resolve));
  // Too little to be written down yet is a cut as good as any.
  if (share * body.length > 1024 * 1024)
    await eventually(async () => (await storedFiles(service, 'tmp')).length > 0 || undefined);
  return { outcome };
}
