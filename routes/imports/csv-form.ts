import '@fastify/multipart';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { invalidField, Problem } from '../../lib/errors.js';
import type { ReceivedCsv } from '../../lib/imports/receive.js';
import { formProblem } from '../images/upload-form.js';

/**
 * Reads a form with one CSV, named `file`.
 *
 * @throws Problem BAD_REQUEST, FILE_MISSING, FILE_DUPLICATE, FIELD_UNKNOWN (400), and what receiving throws;
 *   then no file is left
 */
export async function readCsvForm(
  request: FastifyRequest,
  receive: (source: Readable) => Promise<ReceivedCsv>,
): Promise<ReceivedCsv> {
  let received: ReceivedCsv | undefined;
  try {
    for await (const part of request.parts()) {
      if (part.type !== 'file' || part.fieldname !== 'file')
        throw invalidField(part.fieldname, 'is not known here; known is file', 'FIELD_UNKNOWN');
      if (received)
        throw new Problem('FILE_DUPLICATE', 'The form has more than one file; it takes one, named file.');
      received = await receive(part.file);
    }
    if (!received) throw new Problem('FILE_MISSING', 'The form has no file; it takes one, named file.');
    return received;
  } catch (error) {
    await received?.discard();
    throw formProblem(error);
  }
}
